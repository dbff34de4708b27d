//! Codec `fast`: `spec/fast.md`, sections 5 and 7.

use xnc::internals::parse_header;

use crate::forge::safetensors as forge;
use crate::{Rule, rule};

/// Places in the index of table `a`, of 80 rows of 24 words, whose payload is one page.
const SECOND_BLOCK: usize = 8;
const COUNTS: usize = 3 * 8 + 4;
const PHASE: usize = COUNTS + 80 + 19;

fn params(params: &str) -> Vec<u8> {
    forge().meta(r#"{"align":1,"page":0}"#, params).finish()
}

fn index(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    forge().bytes("a.xnc_index", edit).finish()
}

fn payload(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    forge().bytes("a", edit).finish()
}

/// A whole file with one bit of the payload of `a` changed, which no checksum follows.
pub fn damaged(mut file: Vec<u8>) -> Vec<u8> {
    let all = parse_header(&file, file.len() as u64).expect("a good file");
    let (.., place) = all.iter().find(|tensor| tensor.0 == "a").expect("a table");
    file[place.start as usize + 8] ^= 1;
    file
}

pub fn all() -> Vec<Rule> {
    let end = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("a byte") = 1;
    vec![
        rule("fast-params-missing", "params", params(r#"{"align":1}"#)),
        rule("fast-params-more", "params", params(r#"{"align":1,"page":0,"x":0}"#)),
        rule("fast-align", "params", params(r#"{"align":3,"page":0}"#)),
        rule("fast-page", "params", params(r#"{"align":1,"page":64}"#)),
        rule("fast-index-size", "index", index(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("fast-index-padding", "index", index(|bytes| end(bytes))),
        rule("fast-phase", "phase", index(|bytes| bytes[PHASE] = 2)),
        rule("fast-block", "rows", index(|bytes| bytes[SECOND_BLOCK] += 1)),
        rule("fast-row-end", "rows", payload(|bytes| bytes.truncate(1920))),
        rule("fast-row-long", "rows", index(|bytes| bytes[COUNTS + 79] = 8)),
        rule("fast-payload-size", "rows", payload(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("fast-guard", "rows", payload(|bytes| end(bytes))),
        rule("fast-page-checksum", "checksum of page", damaged(forge().finish())),
    ]
}
