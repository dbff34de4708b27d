//! Restoring: `spec/container.md`, sections 5 and 6.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use xnc::Codec;

use crate::forge::{Forge, gguf, piece, replaced, safetensors as forge, small, tensors};
use crate::{Rule, rule};

/// The file record's pieces with one more.
fn with_piece(forge: Forge, more: Value) -> Vec<u8> {
    forge.record(|record| record["outside"].as_array_mut().expect("a list").push(more)).finish()
}

/// An empty piece, spelled in another way.
fn zlib(edit: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut packed = BASE64.decode(piece(b"")["zlib"].as_str().expect("a text")).expect("base64");
    edit(&mut packed);
    json!({"length": 0, "zlib": BASE64.encode(packed)})
}

fn text(edit: impl FnOnce(&str) -> String) -> Value {
    json!({"length": 0, "zlib": edit(piece(b"")["zlib"].as_str().expect("a text"))})
}

fn header(from: &str, to: &str) -> Vec<u8> {
    let edit = |header: &mut Vec<u8>| {
        let text = replaced(header[8..].trim_ascii_end(), from.as_bytes(), to.as_bytes());
        *header = [&(text.len() as u64).to_le_bytes()[..], &text].concat();
    };
    forge().piece(0, edit).finish()
}

/// A record of the source's size that fits its header, which another edit has made longer or shorter.
fn sized(forge: Forge, by: i64) -> Vec<u8> {
    forge
        .record(|record| {
            let size = record["size"].as_u64().expect("a size");
            record["size"] = size.saturating_add_signed(by).into();
        })
        .finish()
}

pub fn all() -> Vec<Rule> {
    let unused = |text: &str| {
        // The last character before the padding has bits that stand for nothing.
        let at = text.trim_end_matches('=').len() - 1;
        let next = char::from(text.as_bytes()[at] + 1);
        format!("{}{next}{}", &text[..at], &text[at + 1..])
    };
    let longer = forge().piece(0, |header| header.push(b' '));
    vec![
        rule("no-file-record", "no `xnc.file`", forge().without("xnc.file").finish()),
        rule("base64-padding", "", with_piece(forge(), text(|text| text.trim_end_matches('=').into()))),
        rule("base64-unused-bits", "", with_piece(forge(), text(unused))),
        rule("base64-blank", "", with_piece(forge(), text(|text| format!("{text}\n")))),
        rule(
            "zlib-damaged",
            "",
            with_piece(forge(), zlib(|packed| *packed.last_mut().expect("a byte") ^= 1)),
        ),
        rule("zlib-cut", "", with_piece(forge(), zlib(|packed| packed.truncate(packed.len() - 1)))),
        rule("zlib-more", "not one zlib stream", with_piece(forge(), zlib(|packed| packed.push(0)))),
        rule(
            "piece-length",
            "not one zlib stream",
            with_piece(forge(), json!({"length": 1, "zlib": piece(b"")["zlib"]})),
        ),
        rule(
            "pieces-limit",
            "",
            with_piece(forge(), json!({"length": (1 << 28) + 1, "zlib": piece(b"")["zlib"]})),
        ),
        rule("pairs-of-safetensors", "pairs", with_piece(forge(), json!({"from": 0, "length": 0}))),
        rule("pairs-end", "pairs", with_piece(gguf(), json!({"from": 1 << 20, "length": 0}))),
        rule("pieces-more", "pieces", with_piece(forge(), piece(b" "))),
        rule("pieces-fewer", "gaps", {
            // The last piece ends with what is between two tensors.
            gguf().piece(4, |bytes| bytes.truncate(bytes.len() - 1)).finish()
        }),
        rule(
            "source-format",
            "header",
            forge()
                .record(|record| {
                    let head = [&b"GGUF\x03\0\0\0"[..], &[0; 16]].concat();
                    record["outside"] = json!([piece(&head)]);
                })
                .finish(),
        ),
        rule("source-header", "twice", header(r#""p":"#, r#""a":"#)),
        rule("source-size", "", sized(longer, 2)),
        rule("tensor-missing", "missing", forge().without("p").finish()),
        rule("tensor-more", "has no tensor", forge().with("q", vec![0; 64]).finish()),
        rule("tensor-type", "another type", forge().part("p", |p| p.dtype = "I32".into()).finish()),
        rule(
            "tensor-shape",
            "not what",
            tensors(Codec::Xnc, &small())
                .meta(r#""shape":[80,24]"#, r#""shape":[24,80]"#)
                .raw("t.xnc_meta", br#""shape":[80,24]"#, br#""shape":[24,80]"#)
                .finish(),
        ),
        rule(
            "tensor-digest",
            "BLAKE3",
            forge()
                .meta(r#""blake3":""#, r#""blake3":"0"#)
                .raw("t.xnc_meta", br#""blake3":""#, br#""blake3":"0"#)
                .finish(),
        ),
        rule(
            "source-digest",
            "SHA-256",
            forge().raw("xnc.file", br#""sha256":""#, br#""sha256":"0"#).finish(),
        ),
        rule("plain-changed", "SHA-256", forge().part("p", |p| p.bytes[0] ^= 1).finish()),
    ]
}
