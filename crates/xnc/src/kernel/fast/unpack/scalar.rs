//! Portable, and what defines the others.

use super::{list_of, patch};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols, WordSplit, place};

pub(in crate::kernel::fast) fn rows(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    out: &mut [u16],
) {
    let patches = symbols.patches();
    let coded = rows.iter().zip(out.chunks_exact_mut(shape.dim)).filter(|(row, _)| !row.is_plain());
    for (row, out) in coded {
        let bytes = &payload[row.groups()..][..shape.coded()];
        let (groups, last) = bytes.split_at(shape.groups() * shape.record());
        let (full, short) = out.split_at_mut(shape.groups() * GROUP);
        let (bias, short_bias) = symbols.bias.split_at(full.len());
        let records = groups.chunks_exact(shape.record());
        for ((record, out), bias) in
            records.zip(full.chunks_exact_mut(GROUP)).zip(bias.chunks_exact(GROUP))
        {
            group(shape.split, symbols.ranked, record, bias, out);
        }
        tail(shape.split, symbols.ranked, last, short_bias, short);
        patch(shape, &patches, symbols.bias, list_of(payload, *row), *row, out);
    }
}

/// The words of a full group, its rare ones as words of rank 0.
fn group(split: WordSplit, ranked: [u8; 4], record: &[u8], bias: &[u16], out: &mut [u16]) {
    let planes = &record[RANKS..];
    let bit = |plane: usize, p: usize| planes[PLANE * plane + p % 8] >> (p / 8) & 1;
    let lower = &planes[PLANE * (1 + split.planes())..];
    for (i, (out, bias)) in out.iter_mut().zip(bias).enumerate() {
        let p = place(i);
        let rank = usize::from(record[p % RANKS] >> (2 * (p / RANKS)) & 3);
        let kept = (0..split.planes()).map(|j| bit(1 + j, p) << j).sum::<u8>();
        let upper = ranked[rank] | bit(0, p) << 7 | kept;
        *out = u16::from_le_bytes([lower[p], upper]).wrapping_add(*bias);
    }
}

/// The words behind the last full group, the rare ones as words of rank 0.
pub(in crate::kernel::fast) fn tail(
    split: WordSplit,
    ranked: [u8; 4],
    bytes: &[u8],
    bias: &[u16],
    out: &mut [u16],
) {
    let mut uppers = [0; GROUP];
    let uppers = &mut uppers[..out.len()];
    tail_uppers(split, ranked, bytes, uppers);
    let lower = &bytes[bytes.len() - out.len()..];
    for (((out, bias), lower), upper) in out.iter_mut().zip(bias).zip(lower).zip(uppers) {
        *out = u16::from_le_bytes([*lower, *upper]).wrapping_add(*bias);
    }
}

/// The upper bytes of the words behind the last full group, those of rare words as of rank 0.
pub(in crate::kernel::fast) fn tail_uppers(split: WordSplit, ranked: [u8; 4], bytes: &[u8], out: &mut [u8]) {
    let (quarter, plane) = (out.len().div_ceil(4), out.len().div_ceil(8));
    let planes = &bytes[quarter..];
    let bit = |number: usize, p: usize| planes[plane * number + p / 8] >> (p % 8) & 1;
    for (p, out) in out.iter_mut().enumerate() {
        let rank = usize::from(bytes[p % quarter] >> (2 * (p / quarter)) & 3);
        let kept = (0..split.planes()).map(|j| bit(1 + j, p) << j).sum::<u8>();
        *out = ranked[rank] | bit(0, p) << 7 | kept;
    }
}
