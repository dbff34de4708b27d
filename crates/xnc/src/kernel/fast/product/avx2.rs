//! AVX2: F32 activations in one loop; BF16 ones on the words of a few rows, whose arithmetic is the plain loop's.

use std::arch::x86_64::*;

use super::Table;
use super::stage::{Lines, Rooms, patch};
use crate::kernel::dot::sum_avx2 as sum;
use crate::kernel::fast::row::{GROUP, Row};
use crate::kernel::fast::unpack::avx2::{Uppers, words};
use crate::kernel::fast::unpack::{Ahead, avx2 as unpack, scalar::tail_uppers};
use crate::kernel::{Aligned, bytes_of, dot};

/// Rows decoded together for BF16 activations: their words stay in the nearest cache.
const TOGETHER: usize = 8;

/// Activations, and room for upper bytes.
#[derive(Clone)]
pub(super) struct Desk {
    x: Aligned<f32>,
    rooms: Rooms,
}

impl Desk {
    pub(super) fn new(table: &Table, x: Aligned<f32>) -> Self {
        Desk { x, rooms: Rooms::new(table.shape) }
    }
}

/// BF16 activations, and room for the words of some rows.
#[derive(Clone)]
pub(super) struct DeskBf16 {
    x: Aligned<u16>,
    words: Vec<u16>,
}

impl DeskBf16 {
    pub(super) fn new(table: &Table, x: Aligned<u16>) -> Self {
        DeskBf16 { x, words: vec![0; TOGETHER * table.shape.dim] }
    }
}

/// Puts the upper bytes of a row down.
///
/// # Safety
/// The row lies inside the payload, with its guard.
#[inline]
#[target_feature(enable = "avx2")]
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
        let mut to: *mut __m256i = room.as_mut_ptr().cast();
        for _ in 0..shape.groups() {
            for upper in uppers.of::<false>(record) {
                _mm256_storeu_si256(to, upper);
                to = to.add(1);
            }
            record = record.add(shape.record());
        }
    }
    if shape.tail() > 0 {
        let full = shape.groups() * GROUP;
        let bytes = &payload[row.groups() + shape.groups() * shape.record()..][..shape.tail_bytes()];
        tail_uppers(shape.split, table.ranked, bytes, &mut room[full..full + shape.tail()]);
    }
    patch(patches, payload, row, room);
}

/// Multiplies a register of words with the activations of its even and its odd words.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn step(words: __m256i, x: [__m256; 2], lane: [__m256; 2]) -> [__m256; 2] {
    let odd = _mm256_and_si256(words, _mm256_set1_epi32(0xffff_0000_u32.cast_signed()));
    [
        _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(words)), x[0], lane[0]),
        _mm256_fmadd_ps(_mm256_castsi256_ps(odd), x[1], lane[1]),
    ]
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn rows(table: &Table, payload: &[u8], rows: &[Row], desk: &mut Desk, out: &mut [f32]) {
    let shape = table.shape;
    let (uppers, patches) = (Uppers::new(table.ranked), table.symbols().patches());
    let Desk { x, rooms } = desk;
    assert_eq!(x.len(), table.bias.len());
    let ready = |i: usize, rooms: &mut Rooms| {
        if let Some(row) = rows.get(i).filter(|row| !row.is_plain()) {
            // SAFETY: as the caller promises.
            unsafe { stage(table, &uppers, &patches, payload, *row, rooms.of(i)) };
        }
    };
    ready(0, rooms);
    ready(1, rooms);
    for (i, (row, out)) in rows.iter().zip(out).enumerate() {
        ready(i + 2, rooms);
        if row.is_plain() {
            continue;
        }
        let mut lines = Lines::of(shape, payload, row.at, row.groups() - row.at + shape.coded());
        let room = rooms.of(i);
        let [mut a, mut b] = [[_mm256_setzero_ps(); 2]; 2];
        // SAFETY: groups lie inside the payload, their upper bytes in the room; there are a bias and an activation for each word.
        unsafe {
            let (mut record, mut room) = (payload.as_ptr().add(row.groups()), room.as_ptr());
            let (mut bias, mut x): (*const u16, *const f32) = (table.bias.as_ptr(), x.as_ptr());
            for _ in 0..shape.groups() {
                lines.ask();
                let upper = [0, 32].map(|at| _mm256_loadu_si256(room.add(at).cast()));
                for (quarter, words) in words(upper, record.add(shape.lower())).into_iter().enumerate() {
                    let words = _mm256_add_epi16(words, _mm256_loadu_si256(bias.add(16 * quarter).cast()));
                    let x = [0, 8].map(|at| _mm256_loadu_ps(x.add(16 * quarter + at)));
                    if quarter % 2 == 0 { a = step(words, x, a) } else { b = step(words, x, b) }
                }
                (record, room) = (record.add(shape.record()), room.add(GROUP));
                (bias, x) = (bias.add(GROUP), x.add(GROUP));
            }
            let tail = shape.tail();
            if tail > 0 {
                let mut last = [0_u16; GROUP];
                let lower = record.add(shape.tail_bytes() - tail);
                for (j, word) in last[..tail].iter_mut().enumerate() {
                    *word = u16::from_le_bytes([*lower.add(j), *room.add(j)]).wrapping_add(*bias.add(j));
                }
                for quarter in 0..4 {
                    let words = _mm256_loadu_si256(last.as_ptr().add(16 * quarter).cast());
                    let x = [0, 8].map(|at| _mm256_loadu_ps(x.add(16 * quarter + at)));
                    if quarter % 2 == 0 { a = step(words, x, a) } else { b = step(words, x, b) }
                }
            }
        }
        *out = sum([a[0], a[1], b[0], b[1]]);
    }
}

/// # Safety
/// As [`rows`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn rows_bf16(
    table: &Table,
    payload: &[u8],
    rows: &[Row],
    desk: &mut DeskBf16,
    out: &mut [f32],
) {
    let dim = table.shape.dim;
    for (rows, out) in rows.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER)) {
        let words = &mut desk.words[..rows.len() * dim];
        let mut at = [0; TOGETHER];
        at.iter_mut().zip(rows).for_each(|(at, row)| *at = row.at);
        let ahead = Ahead { at: &at[..rows.len()], bytes: super::stage::AHEAD };
        // SAFETY: as the caller promises.
        unsafe { unpack::rows::<false>(table.shape, table.symbols(), payload, rows, ahead, words) };
        let mut sums = [0.0; TOGETHER];
        dot::avx2::pair_rows::<0>(bytes_of(words), dim, &desk.x, &mut sums[..rows.len()]);
        for ((row, out), sum) in rows.iter().zip(out).zip(sums) {
            if !row.is_plain() {
                *out = sum;
            }
        }
    }
}
