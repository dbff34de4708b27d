//! Codec `dense`: `spec/dense.md`.

use xnc::Codec;
use xnc_fuzz::good;

use crate::fast::damaged;
use crate::forge::{Forge, tensors};
use crate::{Rule, levels, rule};

/// Rows and words in a row of the predicted table.
const ROWS: usize = 128;
const DIM: usize = 24;

/// A predicted table `a`, without coefficients.
fn predicted() -> Forge {
    tensors(Codec::Dense, &good::predicted("BF16", DIM, 32))
}

/// A predicted table `a` of words of another type, of which a row has three references.
fn weighted() -> Forge {
    tensors(Codec::Dense, &good::predicted("F16", 32, 32))
}

/// A counted table `n`.
fn counted() -> Forge {
    tensors(Codec::Dense, &good::counted())
}

/// The place behind a distribution.
fn behind(index: &[u8], at: usize) -> usize {
    let occur: u32 = index[at..at + 32].iter().map(|byte| byte.count_ones()).sum();
    at + 32 + 2 * occur as usize
}

/// The index of a predicted table, and where its parts are.
struct Index<'a> {
    bytes: &'a mut Vec<u8>,
    /// Distributions of kinds, scales, weights, numbers.
    heads: [usize; 4],
    /// Whether coefficients follow.
    flag: usize,
}

impl Index<'_> {
    fn of(bytes: &mut Vec<u8>, dim: usize) -> Index<'_> {
        let kinds = 8 * dim + 128;
        let scales = behind(bytes, kinds);
        let weights = behind(bytes, scales);
        // A distribution over numbers has a byte before.
        let numbers = behind(bytes, weights) + 1;
        let flag = behind(bytes, numbers);
        Index { bytes, heads: [kinds, scales, weights, numbers], flag }
    }

    /// The smallest length of a stream, where no coefficients and one checksum stand before it.
    fn least(&self) -> usize {
        self.flag + 1 + 4
    }

    /// Plain bits of lengths.
    fn plain(&self) -> usize {
        self.least() + 4
    }

    /// The distribution of levels.
    fn levels(&self) -> usize {
        behind(self.bytes, self.plain() + 1)
    }

    /// Writes over what is at a place.
    fn set(&mut self, place: impl Fn(&Self) -> usize, bytes: &[u8]) {
        let at = place(self);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Gives the slots of the symbols of the distribution at a place to others, in order.
    fn relabel(&mut self, distribution: usize, others: impl Fn(&[usize]) -> Vec<usize>) {
        let map = &mut self.bytes[distribution..][..32];
        let symbols: Vec<usize> =
            (0..256).filter(|symbol| map[symbol / 8] >> (symbol % 8) & 1 == 1).collect();
        let others = others(&symbols);
        assert!(others.len() == symbols.len() && others.is_sorted_by(|a, b| a < b));
        map.fill(0);
        others.into_iter().for_each(|symbol| map[symbol / 8] |= 1 << (symbol % 8));
    }
}

/// The predicted table with a change in its index.
fn index(edit: impl FnOnce(&mut Index<'_>)) -> Vec<u8> {
    predicted().bytes("a.xnc_index", |bytes| edit(&mut Index::of(bytes, DIM))).finish()
}

/// A table with another last symbol in the distribution at a place.
fn last(distribution: impl Fn(&Index<'_>) -> usize, symbol: usize) -> Vec<u8> {
    index(|index| {
        index.relabel(distribution(index), |symbols| {
            let mut others = symbols.to_vec();
            *others.last_mut().expect("a symbol") = symbol;
            others
        });
    })
}

fn payload(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    predicted().bytes("a", edit).finish()
}

/// The counted table with a change at a place behind its first distribution and map.
fn counts(edit: impl FnOnce(&mut Vec<u8>, usize)) -> Vec<u8> {
    let edit = |bytes: &mut Vec<u8>| {
        let at = behind(bytes, 0) + 32;
        edit(bytes, at);
    };
    counted().bytes("n.xnc_index", edit).finish()
}

pub fn all() -> Vec<Rule> {
    let mut all = indexes();
    all.extend(rows());
    all
}

fn indexes() -> Vec<Rule> {
    let params = |params| predicted().meta(r#"{"predicted":true}"#, params).finish();
    let end = |bytes: &mut Vec<u8>| *bytes.last_mut().expect("a byte") = 1;
    let coefficients = tensors(Codec::Dense, &good::predicted("BF16", 32, 9)).bytes("a.xnc_index", |bytes| {
        let flag = Index::of(bytes, 32).flag;
        assert_eq!(bytes[flag], 1);
        let at = behind(bytes, flag + 1);
        let size = u32::from_le_bytes(*bytes[at..].first_chunk().expect("a size")) as usize;
        bytes[at + 4 + size - 1] ^= 1;
    });
    // A row of one more word than coefficients may be for; all columns are as the first.
    let wide = predicted().meta("[128,24]", "[1,4097]").bytes("a.xnc_index", |bytes| {
        let flag = Index::of(bytes, DIM).flag;
        bytes[flag] = 1;
        let column = bytes[..8].to_vec();
        bytes.splice(..8 * DIM, column.repeat(4097));
        bytes.resize(bytes.len().next_multiple_of(64), 0);
    });
    let wider = counted().raw("n.xnc_meta", b"[11,480]", b"[1,1048577]");
    let told = "does not fit";
    vec![
        rule("dense-params-missing", "params", params("{}")),
        rule("dense-params-more", "params", params(r#"{"predicted":true,"x":0}"#)),
        rule("dense-params-kind", "params", params(r#"{"predicted":1}"#)),
        rule("dense-distribution", told, index(|index| index.bytes[index.heads[0] + 32] ^= 1)),
        rule("dense-index-size", told, index(|index| index.bytes.resize(index.bytes.len() + 64, 0))),
        rule("dense-index-short", told, index(|index| index.bytes.truncate(512))),
        rule("dense-index-padding", told, index(|index| end(index.bytes))),
        rule("dense-least", told, index(|index| index.set(Index::least, &15u32.to_le_bytes()))),
        rule("dense-plain-lengths", told, index(|index| index.set(Index::plain, &[25]))),
        rule("dense-plain-numbers", told, index(|index| index.set(|index| index.heads[3] - 1, &[25]))),
        rule("dense-record-level", told, last(|index| index.levels(), 4)),
        rule(
            "dense-records-end",
            told,
            index(|index| {
                // What is last in the index and not zero is the records' last coder word.
                *index.bytes.iter_mut().rfind(|byte| **byte != 0).expect("records") ^= 0x80;
            }),
        ),
        rule(
            "dense-stream-short",
            told,
            index(|index| {
                // The records' stream is the last part.
                let at = behind(index.bytes, index.levels());
                index.bytes.truncate(at);
                index.bytes.extend(2u64.to_le_bytes());
                index.bytes.resize((at + 10).next_multiple_of(64), 0);
            }),
        ),
        rule("dense-payload-size", told, payload(|bytes| bytes.resize(bytes.len() + 64, 0))),
        rule("dense-payload-short", told, payload(|bytes| bytes.truncate(bytes.len() - 64))),
        rule("dense-payload-padding", told, payload(end)),
        rule("dense-row-wide", told, wider.finish()),
        rule("dense-column-scale", told, index(|index| index.bytes[7] &= 0xe0)),
        rule(
            "dense-pieces",
            told,
            index(|index| {
                index.bytes[8 * DIM..][..2].copy_from_slice(&32_765u16.to_le_bytes());
            }),
        ),
        rule(
            "dense-coefficients-flag",
            told,
            index(|index| {
                index.bytes[index.flag] = 2;
            }),
        ),
        rule("dense-coefficients-wide", told, wide.finish()),
        rule("dense-coefficients-end", told, coefficients.finish()),
        rule("dense-plain", told, counts(|bytes, at| bytes[at] = 8)),
    ]
}

fn rows() -> Vec<Rule> {
    let told = "damaged";
    let weights = weighted().bytes("a.xnc_index", |bytes| {
        let mut index = Index::of(bytes, 32);
        index.relabel(index.heads[2], |symbols| {
            // All weights as large as they can be told apart: three of them are too large together.
            let positive = symbols.iter().filter(|&&symbol| symbol < 128).count();
            let negative = symbols.len() - positive;
            (128 - positive..128).chain(128..128 + negative).collect()
        });
    });
    let change_end = |bytes: &mut Vec<u8>| {
        let last = bytes.iter().rposition(|&byte| byte != 0).expect("streams");
        bytes[last] ^= 0x80;
    };
    vec![
        rule("dense-checksum", "checksum of chunk", damaged(predicted().finish())),
        rule("dense-stream-end", told, payload(change_end)),
        rule("dense-stream-end-counted", told, counted().bytes("n", change_end).finish()),
        rule("dense-kind", told, last(|index| index.heads[0], 40)),
        rule("dense-scale", told, last(|index| index.heads[1], 200)),
        rule("dense-weights", told, weights.finish()),
        rule("dense-key", told, last(|index| index.heads[3], 255)),
        rule(
            "dense-level",
            told,
            index(|index| {
                // Rows of the lower levels come up to those that refer to them.
                *index.bytes = levels::changed(index.bytes, index.least(), ROWS, |level| level.max(2));
            }),
        ),
    ]
}
