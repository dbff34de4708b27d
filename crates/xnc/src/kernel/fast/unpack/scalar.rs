//! Portable, and what defines the others.

use super::add_listed;
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols, WordSplit, rank_bit, word_at};

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
        let kept = (0..split.planes()).map(|j| bit(1 + j) << j).sum::<u8>();
        let upper = symbols.ranked[usize::from(rank)].wrapping_add(bit(0) << 7).wrapping_add(kept);
        *out = u16::from_le_bytes([lower, upper.wrapping_add(bias)]).wrapping_sub(symbols.phase);
    }
}
