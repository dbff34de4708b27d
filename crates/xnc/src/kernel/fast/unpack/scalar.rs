//! Portable, and what defines the others.

use super::add_listed;
use crate::kernel::fast::row::{
    GROUP, PLANE, RANKS, Row, RowShape, Symbols, WordSplit, place, rank_bit, word_at,
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

/// The words of a full group, without what lists add.
fn group(split: WordSplit, symbols: Symbols<'_>, record: &[u8], bias: &[u8], out: &mut [u16]) {
    let planes = &record[RANKS..];
    let bit = |plane: usize, p: usize| planes[PLANE * plane + p % 8] >> (p / 8) & 1;
    let lower = &planes[PLANE * (1 + split.planes())..];
    for (p, (&lower, &bias)) in lower.iter().zip(bias).enumerate() {
        let rank = record[p % RANKS] >> rank_bit(p) & 3;
        out[word_at(p)] = word(split, symbols, rank, |plane| bit(plane, p), bias, lower);
    }
    debug_assert_eq!(place(word_at(GROUP - 1)), GROUP - 1);
}

/// The words behind the last full group, without what lists add.
pub(in crate::kernel::fast) fn tail(
    split: WordSplit,
    symbols: Symbols<'_>,
    bytes: &[u8],
    bias: &[u8],
    out: &mut [u16],
) {
    let (quarter, plane) = (out.len().div_ceil(4), out.len().div_ceil(8));
    let (planes, lower) = (&bytes[quarter..], &bytes[bytes.len() - out.len()..]);
    for (i, (out, (&lower, &bias))) in out.iter_mut().zip(lower.iter().zip(bias)).enumerate() {
        let rank = bytes[i / 4] >> (2 * (i % 4)) & 3;
        let bit = |number: usize| planes[plane * number + i / 8] >> (i % 8) & 1;
        *out = word(split, symbols, rank, bit, bias, lower);
    }
}

/// One word from its parts; plane 0 has signs, the others kept bits.
#[inline]
fn word(
    split: WordSplit,
    symbols: Symbols<'_>,
    rank: u8,
    bit: impl Fn(usize) -> u8,
    bias: u8,
    lower: u8,
) -> u16 {
    let kept = (0..split.planes()).map(|j| bit(1 + j) << j).sum::<u8>();
    let upper = symbols.ranked[usize::from(rank)].wrapping_add(bit(0) << 7).wrapping_add(kept);
    u16::from_le_bytes([lower, upper.wrapping_add(bias)]).wrapping_sub(symbols.phase)
}
