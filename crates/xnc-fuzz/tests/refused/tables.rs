//! A table's parts: `spec/container.md`, sections 1, 3 and 4.

use xnc::Codec;

use crate::forge::{safetensors as forge, small, tensors};
use crate::{Rule, rule};

fn duplicate(from: &str, to: &str) -> Vec<u8> {
    forge().raw("t.xnc_meta", from.as_bytes(), to.as_bytes()).finish()
}

pub fn all() -> Vec<Rule> {
    vec![
        rule("payload-type", "tensor of bytes", forge().part("a", |part| part.dtype = "I8".into()).finish()),
        rule("payload-axes", "tensor of bytes", forge().part("a", |part| part.shape.push(1)).finish()),
        rule("payload-size", "multiple of 64", forge().bytes("a", |bytes| bytes.push(0)).finish()),
        rule(
            "index-type",
            "tensor of bytes",
            forge().part("a.xnc_index", |part| part.dtype = "I8".into()).finish(),
        ),
        rule("index-missing", "missing", forge().without("a.xnc_index").finish()),
        rule(
            "index-checksum",
            "checksum of the index",
            forge().meta(r#""index_crc32c":""#, r#""index_crc32c":"0"#).finish(),
        ),
        rule("codec", "codec", forge().meta(r#""codec":"fast""#, r#""codec":"slow""#).finish()),
        rule(
            "words-of-elements",
            "cannot hold",
            forge().meta(r#""words":"BF16""#, r#""words":"F16""#).finish(),
        ),
        rule("duplicate-payload", "has a payload", forge().bytes("t", |bytes| bytes.resize(64, 0)).finish()),
        rule(
            "duplicate-payload-type",
            "tensor of bytes",
            forge().part("t", |part| part.dtype = "F32".into()).finish(),
        ),
        rule("duplicate-of-none", "no tensor", duplicate(r#""same_as":"a""#, r#""same_as":"p""#)),
        rule(
            "duplicate-of-duplicate",
            "duplicate of a duplicate",
            duplicate(r#""same_as":"a""#, r#""same_as":"t""#),
        ),
        rule("duplicate-shape", "no duplicate", duplicate(r#""shape":[80,24]"#, r#""shape":[1920]"#)),
        rule("duplicate-digest", "no duplicate", duplicate(r#""blake3":""#, r#""blake3":"0"#)),
        rule("duplicate-type", "no duplicate", {
            let elements =
                tensors(Codec::Fast, &small()).raw("t.xnc_meta", br#""dtype":"BF16""#, br#""dtype":"F32""#);
            elements.finish()
        }),
    ]
}
