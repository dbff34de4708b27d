//! Portable, and what defines the others.

use super::add_listed;
use crate::kernel::fast::row::{
    GROUP, PLANE, RANKS, Row, RowShape, Symbols, WordSplit, rank_bit, spread_bits, spread_pairs, word_at,
};

pub(in crate::kernel::fast) fn rows(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    out: &mut [u16],
) {
    let coded = rows.iter().zip(out.chunks_exact_mut(shape.dim)).filter(|(row, _)| !row.is_plain());
    for (row, out) in coded {
        let bytes = &payload[row.groups()..][..shape.coded()];
        let (groups, last) = bytes.split_at(shape.groups() * shape.record());
        let (full, short) = out.split_at_mut(shape.full());
        let (bias, short_bias) = symbols.bias.split_at(full.len());
        let records = groups.chunks_exact(shape.record());
        for ((record, out), bias) in records.zip(full.chunks_exact_mut(GROUP)).zip(bias.chunks_exact(GROUP)) {
            group(shape.split, symbols, record, bias, out);
        }
        tail(shape.split, symbols, last, short_bias, short);
        add_listed(shape, symbols, *row, payload, out);
    }
}

/// The words of a full group, without what lists add: part by part, in loops that a compiler turns into vectors.
fn group(split: WordSplit, symbols: Symbols<'_>, record: &[u8], bias: &[u8], out: &mut [u16]) {
    let (ranks, planes) = record.split_at(RANKS);
    let (planes, lower) = planes.split_at(PLANE * (1 + split.planes()));
    let mut upper = [0; GROUP];
    for (quarter, upper) in upper.chunks_exact_mut(RANKS).enumerate() {
        let bit = rank_bit(quarter * RANKS);
        for (upper, ranks) in upper.iter_mut().zip(ranks) {
            *upper = symbols.ranked[usize::from(ranks >> bit & 3)];
        }
    }
    // Signs, then the kept bits, lowest first.
    for (plane, to) in planes.chunks_exact(PLANE).zip([7, 0, 1, 2]) {
        for (bit, upper) in upper.chunks_exact_mut(PLANE).enumerate() {
            for (upper, plane) in upper.iter_mut().zip(plane) {
                *upper = upper.wrapping_add((plane >> bit & 1) << to);
            }
        }
    }
    for (upper, bias) in upper.iter_mut().zip(bias) {
        *upper = upper.wrapping_add(*bias);
    }
    // Eight places hold eight words in order.
    for (eight, (upper, lower)) in upper.chunks_exact(8).zip(lower.chunks_exact(8)).enumerate() {
        let words = &mut out[word_at(8 * eight)..][..8];
        for (word, (&upper, &lower)) in words.iter_mut().zip(upper.iter().zip(lower)) {
            *word = u16::from_le_bytes([lower, upper]).wrapping_sub(symbols.phase);
        }
    }
}

/// The words behind the last full group, without what lists add: upper bytes eight at a time in one integer, then words
/// in a loop that a compiler turns into vectors. Rows shorter than a few groups are little else.
pub(in crate::kernel::fast) fn tail(
    split: WordSplit,
    symbols: Symbols<'_>,
    bytes: &[u8],
    bias: &[u8],
    out: &mut [u16],
) {
    let (quarter, plane) = (out.len().div_ceil(4), out.len().div_ceil(8));
    let (ranks, lower) = (&bytes[..2 * plane], &bytes[bytes.len() - out.len()..]);
    let planes = &bytes[quarter..][..plane * (1 + split.planes())];
    let ranked = Ranked::new(symbols.ranked);
    let mut upper = [0; GROUP];
    // Behind ranks of four words or fewer are signs, for words that are not there.
    for (i, (upper, ranks)) in upper.as_chunks_mut::<8>().0.iter_mut().zip(ranks.as_chunks().0).enumerate() {
        let ranks = spread_pairs(u16::from_le_bytes(*ranks));
        let mut eight = sum(ranked.symbols(ranks), spread_bits(planes[i]) << 7);
        for (j, kept) in planes.chunks_exact(plane).skip(1).enumerate() {
            eight = sum(eight, spread_bits(kept[i]) << j);
        }
        *upper = eight.to_le_bytes();
    }
    for (((out, lower), upper), bias) in out.iter_mut().zip(lower).zip(upper).zip(bias) {
        *out = u16::from_le_bytes([*lower, upper.wrapping_add(*bias)]).wrapping_sub(symbols.phase);
    }
}

/// Symbols by the bits of their ranks, in each of eight bytes: that of rank 0, and what a bit, the other, and both
/// change of it.
struct Ranked([u64; 4]);

/// 1 in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

impl Ranked {
    fn new([zero, one, two, three]: [u8; 4]) -> Ranked {
        Ranked([zero, zero ^ one, zero ^ two, zero ^ one ^ two ^ three].map(|byte| u64::from(byte) * ONES))
    }

    /// The symbols of eight ranks, a byte each.
    fn symbols(&self, ranks: u64) -> u64 {
        let Ranked([zero, one, two, both]) = self;
        // All bits of a byte, of its lowest one.
        let [low, high] = [ranks & ONES, ranks >> 1 & ONES].map(|bits| bits * 0xff);
        zero ^ low & one ^ high & two ^ low & high & both
    }
}

/// Sums of eight bytes each, modulo 256.
fn sum(a: u64, b: u64) -> u64 {
    const TOPS: u64 = ONES << 7;
    ((a & !TOPS) + (b & !TOPS)) ^ (a ^ b) & TOPS
}
