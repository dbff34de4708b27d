//! Codec `tight`: `spec/tight.md`, sections 5 and 6.

use xnc::Codec;
use xnc_fuzz::good::{bytes, words};

use crate::fast::damaged;
use crate::forge::{Forge, tensors};
use crate::{Rule, rule};

/// Table `a` has 36 rows of 64 words, whose payload is one page; places in its index.
const SECOND_BLOCK: usize = 8;
const PAGE_CHECKSUM: usize = 2 * 8;
const COUNTS: usize = PAGE_CHECKSUM + 4;
const LAST_ROW: usize = COUNTS + 2 * 35;

fn forge() -> Forge {
    let words = bytes(words(36 * 64, 64, 0x3c00));
    tensors(Codec::Tight, &[("a".into(), "BF16", vec![36, 64], words)])
}

fn index(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    forge().bytes("a.xnc_index", edit).finish()
}

fn payload(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    forge().bytes("a", edit).finish()
}

/// The file with other counts of the last row.
fn counts(second: u8, third: u8) -> Vec<u8> {
    index(|bytes| bytes[LAST_ROW..LAST_ROW + 2].copy_from_slice(&[second, third]))
}

/// A payload that ends with its last row, without a guard, and all of whose words pass on: they would read behind
/// its end. Found by comparing the two decoders on random files.
fn no_guard() -> Vec<u8> {
    let (mut checksum, mut length) = (0, 0);
    let forge = forge().bytes("a", |bytes| {
        bytes.truncate(bytes.len() - 64);
        bytes.fill(0);
        (checksum, length) = (crc32c::crc32c(bytes), bytes.len());
    });
    let forge = forge.bytes("a.xnc_index", |index| {
        index[PAGE_CHECKSUM..PAGE_CHECKSUM + 4].copy_from_slice(&checksum.to_le_bytes());
        let levels = &mut index[COUNTS..COUNTS + 2 * 36];
        let end: usize =
            levels.chunks_exact(2).map(|row| 80 + usize::from(row[0]) + usize::from(row[1])).sum();
        // The rows of the last block become longer, up to where the payload ends.
        let mut spare = length - end;
        for row in levels[2 * 32..].chunks_exact_mut(2) {
            let more = spare.min(127 - 80 - usize::from(row[0]) - usize::from(row[1]));
            (row[1], spare) = (row[1] + more as u8, spare - more);
        }
        assert_eq!(spare, 0);
    });
    forge.finish()
}

pub fn all() -> Vec<Rule> {
    let end = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("a byte") = 1;
    let params = |params: &str| forge().meta(r#"{"align":1,"page":0}"#, params).finish();
    vec![
        rule("tight-params-missing", "params", params("{}")),
        rule("tight-params-more", "params", params(r#"{"align":1,"page":0,"x":0}"#)),
        rule("tight-align", "params", params(r#"{"align":128,"page":0}"#)),
        rule("tight-page", "params", params(r#"{"align":1,"page":8192}"#)),
        rule("tight-index-size", "index", index(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("tight-index-padding", "index", index(end)),
        rule("tight-block", "rows", index(|bytes| bytes[SECOND_BLOCK] += 1)),
        rule("tight-row-end", "rows", payload(|bytes| bytes.truncate(1920))),
        rule("tight-row-long", "rows", counts(8, 40)),
        rule("tight-second-level", "rows", counts(17, 0)),
        rule("tight-plain", "rows", counts(255, 1)),
        rule("tight-payload-size", "rows", payload(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("tight-guard", "rows", payload(end)),
        rule("tight-no-guard", "rows", no_guard()),
        rule("tight-page-checksum", "checksum of page", damaged(forge().finish())),
    ]
}
