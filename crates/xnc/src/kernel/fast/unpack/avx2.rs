//! AVX2: a group is two registers of upper bytes and two of lower ones.

use std::arch::x86_64::*;

use super::lines::RowLines;
use super::{Ahead, add_listed, scalar};
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::fast::rooms::{Caller, Lists, Rooms};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols};
use crate::kernel::stream::joined::avx2::Joined;

/// What turns the codes of groups into upper bytes.
#[derive(Clone, Copy)]
pub(in crate::kernel::fast) struct Uppers {
    /// Symbols of the lower and of the upper rank in half a byte.
    tables: [__m256i; 2],
}

/// Shifts that bring the plane bits of places 0 to 31, and of 32 to 63, to the top of their bytes. Bit `p div 8`
/// of a plane's bytes belongs to eight places each.
const TO_TOP: [[i64; 4]; 2] = [[7, 6, 5, 4], [3, 2, 1, 0]];

impl Uppers {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn new(ranked: [u8; 4]) -> Uppers {
        let low = _mm256_set1_epi32(i32::from_le_bytes(ranked));
        // SAFETY: sixteen bytes.
        let high = unsafe {
            let symbols: [u8; 16] = std::array::from_fn(|code| ranked[code >> 2]);
            _mm256_broadcastsi128_si256(_mm_loadu_si128(symbols.as_ptr().cast()))
        };
        Uppers { tables: [low, high] }
    }

    /// The upper bytes of a group, places 0 to 31 and 32 to 63, without biases and what lists add.
    ///
    /// # Safety
    /// `record` points to a group's ranks, signs and, for `F16`, kept bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn of<const F16: bool>(&self, record: *const u8) -> [__m256i; 2] {
        // SAFETY: as the caller promises.
        let (ranks, sign) = unsafe {
            (
                _mm256_broadcastsi128_si256(_mm_loadu_si128(record.cast())),
                _mm256_set1_epi64x(record.add(RANKS).cast::<i64>().read_unaligned()),
            )
        };
        // The low halves of bytes have the ranks of places 0 to 15 and 32 to 47, the high ones those between
        // and after.
        let halves = _mm256_srlv_epi64(ranks, _mm256_setr_epi64x(0, 0, 4, 4));
        let halves = _mm256_and_si256(halves, _mm256_set1_epi8(15));
        let mut upper = self.tables;
        for half in 0..2 {
            let [a, b, c, d] = TO_TOP[half];
            let sign = _mm256_sllv_epi64(sign, _mm256_setr_epi64x(a, b, c, d));
            let sign = _mm256_and_si256(sign, _mm256_set1_epi8(-128));
            upper[half] = _mm256_add_epi8(_mm256_shuffle_epi8(self.tables[half], halves), sign);
        }
        if F16 {
            // SAFETY: as the caller promises.
            let kept = unsafe { kept(record.add(RANKS + PLANE)) };
            upper = [_mm256_add_epi8(upper[0], kept[0]), _mm256_add_epi8(upper[1], kept[1])];
        }
        upper
    }
}

/// The bits of upper bytes that stand in three planes, places 0 to 31 and 32 to 63.
///
/// # Safety
/// `planes` points to the planes of a group.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel) unsafe fn kept(planes: *const u8) -> [__m256i; 2] {
    let mut kept = [_mm256_setzero_si256(); 2];
    for j in 0..3 {
        // SAFETY: as the caller promises.
        let plane = unsafe { _mm256_set1_epi64x(planes.add(PLANE * j).cast::<i64>().read_unaligned()) };
        // To the top, and from there down to bit j.
        let down = _mm_cvtsi32_si128(7 - j as i32);
        for half in 0..2 {
            let [a, b, c, d] = TO_TOP[half];
            let bits = _mm256_sllv_epi64(plane, _mm256_setr_epi64x(a, b, c, d));
            let bits = _mm256_srl_epi64(_mm256_and_si256(bits, _mm256_set1_epi8(-128)), down);
            kept[half] = _mm256_or_si256(kept[half], bits);
        }
    }
    kept
}

/// The words of a group in order, from its upper bytes and its lower ones, which `lower` points to, without the
/// phase.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel) unsafe fn words(upper: [__m256i; 2], lower: *const u8) -> [__m256i; 4] {
    // SAFETY: as the caller promises.
    let lower = unsafe { [_mm256_loadu_si256(lower.cast()), _mm256_loadu_si256(lower.add(32).cast())] };
    [
        _mm256_unpacklo_epi8(lower[0], upper[0]),
        _mm256_unpacklo_epi8(lower[1], upper[1]),
        _mm256_unpackhi_epi8(lower[0], upper[0]),
        _mm256_unpackhi_epi8(lower[1], upper[1]),
    ]
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "avx2")]
pub(in crate::kernel::fast) unsafe fn rows<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    let uppers = Uppers::new(symbols.ranked);
    let phase = _mm256_set1_epi16(symbols.phase.cast_signed());
    let full = shape.full();
    for (i, (row, out)) in rows.iter().zip(out.chunks_exact_mut(shape.dim)).enumerate() {
        if row.is_plain() {
            continue;
        }
        let lines = RowLines::of(shape, payload, ahead, i);
        let start = row.groups();
        // SAFETY: groups lie inside the payload.
        let mut record = unsafe { payload.as_ptr().add(start) };
        let groups = out.as_chunks_mut::<GROUP>().0.iter_mut().zip(symbols.bias.as_chunks::<GROUP>().0);
        for (group, (out, bias)) in groups.enumerate() {
            lines.ask(group);
            // SAFETY: as above; a group has 64 words and as many biases.
            unsafe {
                let mut upper = uppers.of::<F16>(record);
                for (half, upper) in upper.iter_mut().enumerate() {
                    let bias = _mm256_loadu_si256(bias.as_ptr().add(32 * half).cast());
                    *upper = _mm256_add_epi8(*upper, bias);
                }
                for (quarter, words) in words(upper, record.add(shape.lower())).into_iter().enumerate() {
                    let to = out.as_mut_ptr().add(16 * quarter).cast();
                    _mm256_storeu_si256(to, _mm256_sub_epi16(words, phase));
                }
                record = record.add(shape.record());
            }
        }
        if shape.tail() > 0 {
            let bytes = &payload[start + shape.groups() * shape.record()..][..shape.tail_bytes()];
            scalar::tail(shape.split, symbols, bytes, &symbols.bias[full..], &mut out[full..]);
        }
        add_listed(shape, symbols, *row, payload, out);
    }
}

/// Many rows, with what lists add in rooms. If `FAR`, past the caches, and words before those of the rows are in `out`,
/// too.
///
/// # Safety
/// Rows lie inside the payload, with their guard; they have no tail if `FAR`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn many<const F16: bool, const FAR: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    rooms: &mut Rooms,
    out: &mut [u16],
) {
    struct Many<const F16: bool, const FAR: bool>;
    impl<const F16: bool, const FAR: bool> Caller for Many<F16, FAR> {
        const ONE_TURN: bool = false;
    }
    let (uppers, mut lists) = (Uppers::new(symbols.ranked), Lists::new(symbols));
    let phase = _mm256_set1_epi16(symbols.phase.cast_signed());
    let (places, plan) = (rooms.places(), Plan::of_machine());
    let start = out.len() - rows.len() * shape.dim;
    let mut joined = Joined::<FAR>::avx2(out, start);
    let mut before = joined.before(phase);
    for i in 0..rows.len() + Lists::EARLY {
        // SAFETY: as the caller promises.
        let ready = unsafe { lists.advance::<Many<F16, FAR>>(payload, rows, i, places) };
        let Some(i) = ready else { continue };
        let (row, mut room, mut to) = (rows[i], places.of(i), joined.place(i * shape.dim));
        let mut record = payload.as_ptr().wrapping_add(row.groups());
        let mut lines = Lines::from(plan, payload, row.at);
        for bias in symbols.bias.as_chunks::<GROUP>().0 {
            lines.ask::<2>();
            // SAFETY: groups lie inside the payload; rooms and their places in `out` are as long as rows.
            unsafe {
                let mut upper = uppers.of::<F16>(record);
                for (half, upper) in upper.iter_mut().enumerate() {
                    let room = room.add(32 * half).cast();
                    let bias = _mm256_loadu_si256(bias.as_ptr().add(32 * half).cast());
                    *upper = _mm256_add_epi8(_mm256_add_epi8(*upper, bias), _mm256_load_si256(room));
                    _mm256_store_si256(room, _mm256_setzero_si256());
                }
                for words in words(upper, record.add(shape.lower())) {
                    let words = _mm256_sub_epi16(words, phase);
                    joined.store(to, before, words);
                    (before, to) = (words, to.wrapping_add(GROUP / 4));
                }
                (record, room) = (record.add(shape.record()), room.add(GROUP));
            }
        }
        if shape.tail() > 0 {
            // SAFETY: what is left of a room is a group; past the caches rows have no tail.
            unsafe {
                let tail = joined.words(i * shape.dim + shape.full(), shape.tail());
                super::tail(shape, symbols, payload, row, room, tail);
            }
        }
    }
    // SAFETY: all of the words before are rows.
    unsafe { joined.end(rows.len() * shape.dim, before) };
}
