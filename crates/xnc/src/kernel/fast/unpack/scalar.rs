//! Portable, and what defines the others.

use super::{Ahead, TierPlaces};
use crate::kernel::fast::row::{GROUP, RowShape, Symbols, WordSplit, code_planes, place, plane_bit};

/// Eight bytes from `at` on.
#[inline]
fn word64(row: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(row[at..at + 8].try_into().expect("eight bytes"))
}

/// Up to eight bytes, zeros above.
fn short_plane(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |plane, &byte| plane << 8 | u64::from(byte))
}

/// The bits from bit `at` of the row on: 57 at least.
#[inline]
fn fetch(row: &[u8], at: usize) -> u64 {
    word64(row, at / 8) >> (at % 8)
}

/// Spreads the low bits of `bits` to the set bits of `mask`: the PDEP instruction.
fn deposit(mut bits: u64, mut mask: u64) -> u64 {
    let mut out = 0;
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if bits & 1 == 1 {
            out |= lowest;
        }
        bits >>= 1;
        mask ^= lowest;
    }
    out
}

/// Where the streams would begin if the tail were the whole row: the third tier follows a bit for every
/// escape.
#[inline]
pub(in crate::kernel::fast) fn streams_of_tail(shape: RowShape, row: &[u8]) -> TierPlaces {
    let second = 8 * shape.tiers();
    if shape.tail() == 0 {
        return TierPlaces { second, rest: second };
    }
    let tail = &row[1 + shape.groups() * shape.record()..][..shape.tail().div_ceil(8)];
    TierPlaces { second, rest: second + short_plane(tail).count_ones() as usize }
}

/// The code planes of one group; moves the streams on.
fn planes(row: &[u8], escape: u64, streams: &mut TierPlaces) -> [u64; 3] {
    let second = deposit(fetch(row, streams.second), escape);
    streams.second += escape.count_ones() as usize;
    let bits = fetch(row, streams.rest);
    let third = deposit(bits, second);
    let bits = bits.wrapping_shr(second.count_ones());
    let low = deposit(bits, third);
    let high = deposit(bits.wrapping_shr(third.count_ones()), third);
    streams.rest += (second.count_ones() + 2 * third.count_ones()) as usize;
    code_planes(escape, second, third, [low, high])
}

/// The word at plane bit `bit` and column `column`.
fn word(symbols: Symbols<'_>, planes: &[u64], column: usize, bit: usize, lower: u8) -> u16 {
    let code = (0..4).map(|p| (planes[p] >> bit & 1) << p).sum::<u64>();
    let kept: u64 = planes[4..].iter().enumerate().map(|(p, plane)| (plane >> bit & 1) << p).sum();
    let upper = symbols.upper[code as usize] | kept as u8;
    u16::from_le_bytes([lower, upper]).wrapping_add(symbols.bias[column])
}

/// Asks for nothing ahead.
pub(in crate::kernel::fast) fn rows(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    at: &[usize],
    _ahead: Ahead<'_>,
    out: &mut [u16],
) {
    for (i, out) in out.chunks_exact_mut(shape.dim).enumerate() {
        let row = &payload[at[i]..];
        let streams = groups_to_words(shape, symbols, row, out);
        tail_to_words(shape, symbols, row, streams, out);
    }
}

fn groups_to_words(shape: RowShape, symbols: Symbols<'_>, row: &[u8], out: &mut [u16]) -> TierPlaces {
    let mut streams = streams_of_tail(shape, row);
    let escapes = (0..shape.groups()).map(|group| word64(row, 1 + group * shape.record()).count_ones());
    streams.rest += escapes.sum::<u32>() as usize;
    for (group, words) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        let record = &row[1 + group * shape.record()..][..shape.record()];
        let (kept, lower) = record[16..].split_at(record.len() - 16 - GROUP);
        let [p0, p1, p2] = planes(row, word64(record, 0), &mut streams);
        let mut all = [p0, p1, p2, word64(record, 8), 0, 0, 0];
        kept.as_chunks().0.iter().zip(&mut all[4..]).for_each(|(b, plane)| *plane = u64::from_le_bytes(*b));
        for (i, slot) in words.iter_mut().enumerate() {
            *slot = word(symbols, &all, group * GROUP + i, plane_bit(place(i)), lower[place(i)]);
        }
    }
    streams
}

/// The words of a row after its last full group: natural order, planes cut to the bytes they need.
#[inline]
pub(super) fn tail_to_words(
    shape: RowShape,
    symbols: Symbols<'_>,
    row: &[u8],
    streams: TierPlaces,
    out: &mut [u16],
) {
    if shape.tail() > 0 {
        tail(shape, symbols, row, streams, &mut out[shape.groups() * GROUP..]);
    }
}

fn tail(shape: RowShape, symbols: Symbols<'_>, row: &[u8], mut streams: TierPlaces, out: &mut [u16]) {
    let bytes = shape.tail().div_ceil(8);
    let tail = &row[1 + shape.groups() * shape.record()..][..shape.tail_bytes()];
    let (planes_bytes, lower) = tail.split_at(tail.len() - shape.tail());
    let mut parts = planes_bytes.chunks_exact(bytes).map(short_plane);
    let mut next = || parts.next().unwrap_or(0);
    let (escape, sign) = (next(), next());
    let kept = if shape.split == WordSplit::F16 { [next(), next(), next()] } else { [0; 3] };
    let [p0, p1, p2] = planes(row, escape, &mut streams);
    let all = [p0, p1, p2, sign, kept[0], kept[1], kept[2]];
    let first = shape.groups() * GROUP;
    for (i, (slot, &lower)) in out.iter_mut().zip(lower).enumerate() {
        *slot = word(symbols, &all, first + i, i, lower);
    }
}
