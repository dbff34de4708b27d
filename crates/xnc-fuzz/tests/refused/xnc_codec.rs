//! Codec `xnc`: `spec/xnc.md`, section 5.

use xnc::Codec;
use xnc_fuzz::good;

use crate::fast::damaged;
use crate::forge::{Forge, half, small, tensors};
use crate::{Rule, rule};

/// Places in the one chunk record of table `a`; exceptions follow.
const END: usize = 0;
const OWN: usize = 12;
const EXCEPTIONS: usize = 16;

fn forge() -> Forge {
    tensors(Codec::Xnc, &small())
}

fn index(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    forge().bytes("a.xnc_index", edit).finish()
}

/// The table with another end of its chunk, and a payload filled to it.
fn ended(end: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut size = 0;
    let forge = forge().bytes("a.xnc_index", |bytes| {
        let at = u64::from_le_bytes(*bytes.first_chunk().expect("a record"));
        size = end(at);
        bytes[END..OWN - 4].copy_from_slice(&size.to_le_bytes());
    });
    let filled = |bytes: &mut Vec<u8>| {
        bytes.truncate(size as usize);
        bytes.resize((size as usize).next_multiple_of(64), 0);
    };
    forge.bytes("a", filled).finish()
}

pub fn all() -> Vec<Rule> {
    let end = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("a byte") = 1;
    let two_chunks = tensors(Codec::Xnc, &good::several_chunks());
    let decreasing = two_chunks.bytes("wte.xnc_index", |bytes| {
        let listed = bytes[OWN..][..4].to_vec();
        assert!(listed != [0; 4]);
        bytes[16 + OWN..][..4].fill(0);
    });
    let filling = forge().bytes("a", |bytes| {
        let last = bytes.iter().rposition(|&byte| byte != 0).expect("a chunk");
        assert_eq!(bytes[last] & 0x80, 0);
        bytes[last] |= 0x80;
    });
    let of_half = tensors(Codec::Xnc, &half()).bytes("a.xnc_index", |bytes| bytes[OWN] = 1);
    vec![
        rule("xnc-params-missing", "params", forge().meta(r#"{"bits":"#, r#"{"bytes":"#).finish()),
        rule("xnc-params-more", "params", forge().meta(r#"{"bits":"#, r#"{"x":0,"bits":"#).finish()),
        rule("xnc-params-kind", "params", forge().meta(r#"{"bits":"#, r#"{"bits":null,"was":"#).finish()),
        rule("xnc-index-short", "cannot hold", index(Vec::clear)),
        rule("xnc-index-size", "padding", index(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("xnc-index-padding", "padding", index(end)),
        rule(
            "xnc-payload-size",
            "padding",
            forge().bytes("a", |bytes| bytes.resize(bytes.len() + 64, 0)).finish(),
        ),
        rule("xnc-payload-padding", "padding", forge().bytes("a", end).finish()),
        rule("xnc-chunk-short", "makes no sense", ended(|_| 64)),
        rule("xnc-chunk-long", "makes no sense", ended(|_| 4321)),
        rule("xnc-chunk-end", "makes no sense", index(|bytes| bytes[END + 1] += 1)),
        rule("xnc-exceptions-end", "makes no sense", index(|bytes| bytes[OWN + 1] = 1)),
        rule("xnc-exceptions-decrease", "makes no sense", decreasing.finish()),
        rule(
            "xnc-exceptions-order",
            "makes no sense",
            index(|bytes| bytes[EXCEPTIONS + 1] = bytes[EXCEPTIONS]),
        ),
        rule(
            "xnc-exceptions-block",
            "makes no sense",
            index(|bytes| {
                let listed = usize::from(bytes[OWN]);
                bytes[EXCEPTIONS + listed - 1] = 61;
            }),
        ),
        rule("xnc-exceptions-fp16", "makes no sense", of_half.finish()),
        rule("xnc-checksum", "checksum of chunk", damaged(forge().finish())),
        rule("xnc-chunk-inside", "ends inside", ended(|end| end - 1)),
        rule("xnc-chunk-more", "goes on", ended(|end| end + 1)),
        rule("xnc-filling", "goes on", filling.finish()),
    ]
}
