//! AVX-512, two rows in flight: activations and biases are loaded once for both.

use std::arch::x86_64::*;

use super::Table;
use super::stage::{Lines, Rooms, patch};
use crate::kernel::Aligned;
use crate::kernel::dot::{sum_avx512 as sum, sum_pairs_avx512 as sum_pairs};
use crate::kernel::fast::row::{GROUP, Row};
use crate::kernel::fast::unpack::avx512::{Uppers, words};
use crate::kernel::fast::unpack::scalar::tail_uppers;

/// Activations, and room for upper bytes.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    x: Aligned<T>,
    rooms: Rooms,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(table: &Table, x: Aligned<T>) -> Self {
        Desk { x, rooms: Rooms::new(table.shape) }
    }
}

/// Puts the upper bytes of a row down.
///
/// # Safety
/// The row lies inside the payload, with its guard.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn stage(
    table: &Table,
    uppers: &Uppers,
    patches: &[u8; 16],
    payload: &[u8],
    row: Row,
    room: &mut [u8],
) {
    let shape = table.shape;
    // SAFETY: groups lie inside the payload; the room has 64 bytes for each.
    unsafe {
        let mut record = payload.as_ptr().add(row.groups());
        let mut to = room.as_mut_ptr();
        for _ in 0..shape.groups() {
            _mm512_storeu_si512(to.cast(), uppers.of::<false>(record));
            record = record.add(shape.record());
            to = to.add(GROUP);
        }
    }
    if shape.tail() > 0 {
        let full = shape.groups() * GROUP;
        let bytes = &payload[row.groups() + shape.groups() * shape.record()..][..shape.tail_bytes()];
        tail_uppers(shape.split, table.ranked, bytes, &mut room[full..full + shape.tail()]);
    }
    patch(patches, payload, row, room);
}


/// # Safety
/// Rows lie inside the payload, with their guard.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn multiply<const N: usize>(
    table: &Table,
    payload: &[u8],
    rows: [Row; N],
    rooms: [*const u8; N],
    mut lines: Lines,
    mut add: impl FnMut(usize, [[__m512i; 2]; N]),
) {
    let shape = table.shape;
    // SAFETY: groups lie inside the payload, their upper bytes in the rooms; there is a bias for each word.
    unsafe {
        let mut records = rows.map(|row| payload.as_ptr().add(row.groups()));
        let mut rooms = rooms;
        let mut bias: *const u16 = table.bias.as_ptr();
        for group in 0..shape.groups() {
            lines.ask();
            let biases = [0, 32].map(|at| _mm512_loadu_si512(bias.add(at).cast()));
            let words: [[__m512i; 2]; N] = std::array::from_fn(|r| {
                let [low, high] = words(_mm512_loadu_si512(rooms[r].cast()), records[r].add(shape.lower()));
                [_mm512_add_epi16(low, biases[0]), _mm512_add_epi16(high, biases[1])]
            });
            add(group, words);
            for r in 0..N {
                (records[r], rooms[r]) = (records[r].add(shape.record()), rooms[r].add(GROUP));
            }
            bias = bias.add(GROUP);
        }
        let tail = shape.tail();
        if tail > 0 {
            let mask = u64::MAX >> (GROUP - tail);
            let words: [[__m512i; 2]; N] = std::array::from_fn(|r| {
                let lower = records[r].add(shape.tail_bytes() - tail);
                let bytes = [_mm512_maskz_loadu_epi8(mask, lower.cast()), _mm512_maskz_loadu_epi8(mask, rooms[r].cast())];
                let half = |bytes: __m512i, high: bool| {
                    let half = if high { _mm512_extracti64x4_epi64::<1>(bytes) } else { _mm512_castsi512_si256(bytes) };
                    _mm512_cvtepu8_epi16(half)
                };
                [false, true].map(|high| {
                    let word = _mm512_or_si512(
                        half(bytes[0], high),
                        _mm512_slli_epi16::<8>(half(bytes[1], high)),
                    );
                    let bias = _mm512_loadu_si512(bias.add(if high { 32 } else { 0 }).cast());
                    _mm512_add_epi16(word, bias)
                })
            });
            add(shape.groups(), words);
        }
    }
}

/// Goes through rows two at a time, with upper bytes put down two rows early.
macro_rules! each_pair {
    ($table:ident, $payload:ident, $rows:ident, $desk:ident, $out:ident, $one:ident) => {{
        let uppers = Uppers::new($table.ranked);
        let patches = $table.symbols().patches();
        let Desk { x, rooms } = $desk;
        let ready = |i: usize, rooms: &mut Rooms| {
            if let Some(row) = $rows.get(i).filter(|row| !row.is_plain()) {
                // SAFETY: as the caller promises.
                unsafe { stage($table, &uppers, &patches, $payload, *row, rooms.of(i)) };
            }
        };
        ready(0, rooms);
        ready(1, rooms);
        for i in (0..$rows.len()).step_by(2) {
            ready(i + 2, rooms);
            ready(i + 3, rooms);
            match ($rows[i], $rows.get(i + 1).copied()) {
                (a, Some(b)) if !a.is_plain() && !b.is_plain() => {
                    let room = [rooms.of(i).as_ptr(), rooms.of(i + 1).as_ptr()];
                    // SAFETY: as the caller promises; both rows were put down.
                    let sums = unsafe { $one::<2>($table, $payload, [a, b], room, x) };
                    $out[i..i + 2].copy_from_slice(&sums);
                }
                (a, b) => {
                    for (i, row) in [(i, Some(a)), (i + 1, b)] {
                        if let Some(row) = row.filter(|row| !row.is_plain()) {
                            let room = [rooms.of(i).as_ptr()];
                            // SAFETY: as above.
                            let sums = unsafe { $one::<1>($table, $payload, [row], room, x) };
                            $out[i] = sums[0];
                        }
                    }
                }
            }
        }
    }};
}

/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn f32_of<const N: usize>(
    table: &Table,
    payload: &[u8],
    rows: [Row; N],
    rooms: [*const u8; N],
    x: &[f32],
) -> [f32; N] {
    let mut lanes = [[_mm512_setzero_ps(); 2]; N];
    let odd = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let lines = lines(table, payload, rows);
    assert_eq!(x.len(), table.bias.len());
    // SAFETY: as the caller promises; there are as many activations as words in whole groups.
    unsafe {
        multiply(table, payload, rows, rooms, lines, |group, words| {
            let x = x.as_ptr().add(group * GROUP);
            for half in 0..2 {
                let [even, after] = [0, 16].map(|at| _mm512_loadu_ps(x.add(32 * half + at)));
                for r in 0..N {
                    let word = words[r][half];
                    let low = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(word));
                    let high = _mm512_castsi512_ps(_mm512_and_si512(word, odd));
                    lanes[r][0] = _mm512_fmadd_ps(low, even, lanes[r][0]);
                    lanes[r][1] = _mm512_fmadd_ps(high, after, lanes[r][1]);
                }
            }
        });
    }
    lanes.map(|lanes| sum(lanes))
}

/// # Safety
/// As [`multiply`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512bf16")]
unsafe fn bf16_of<const N: usize>(
    table: &Table,
    payload: &[u8],
    rows: [Row; N],
    rooms: [*const u8; N],
    x: &[u16],
) -> [f32; N] {
    let mut lanes = [[_mm512_setzero_ps(); 2]; N];
    let lines = lines(table, payload, rows);
    assert_eq!(x.len(), table.bias.len());
    // SAFETY: as above; a register of words is one of pairs, whatever type names it.
    unsafe {
        let pairs = |words: __m512i| std::mem::transmute::<__m512i, __m512bh>(words);
        multiply(table, payload, rows, rooms, lines, |group, words| {
            let x = x.as_ptr().add(group * GROUP);
            for half in 0..2 {
                let x = pairs(_mm512_loadu_si512(x.add(32 * half).cast()));
                for r in 0..N {
                    lanes[r][half] = _mm512_dpbf16_ps(lanes[r][half], pairs(words[r][half]), x);
                }
            }
        });
    }
    lanes.map(|lanes| sum_pairs(lanes))
}

#[inline]
fn lines<const N: usize>(table: &Table, payload: &[u8], rows: [Row; N]) -> Lines {
    let bytes = rows.iter().map(|row| row.groups() - row.at + table.shape.coded()).sum();
    Lines::of(table.shape, payload, rows[0].at, bytes)
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn rows(
    table: &Table,
    payload: &[u8],
    rows: &[Row],
    desk: &mut Desk<f32>,
    out: &mut [f32],
) {
    each_pair!(table, payload, rows, desk, out, f32_of);
}

/// # Safety
/// As [`rows`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512bf16")]
pub(super) unsafe fn rows_bf16(
    table: &Table,
    payload: &[u8],
    rows: &[Row],
    desk: &mut Desk<u16>,
    out: &mut [f32],
) {
    each_pair!(table, payload, rows, desk, out, bf16_of);
}
