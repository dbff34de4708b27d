//! AVX-512 with VBMI: a group is a register of upper bytes and one of lower ones.

use std::arch::x86_64::*;

use super::lines::RowLines;
use super::{Ahead, add_listed};
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::fast::rooms::{Caller, PairLists, Rooms};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols, rank_bit};
use crate::kernel::stream::joined::avx512::Joined;

/// What turns the codes of groups into upper bytes.
#[derive(Clone, Copy)]
pub(in crate::kernel::fast) struct Uppers {
    table: __m512i,
    ranks: __m512i,
    sign: __m512i,
    kept: [__m512i; 3],
}

/// Controls that bring the rank of each place, or its bit of a plane, to bits `to` and up of its byte.
#[repr(align(64))]
pub(in crate::kernel::fast) struct Controls(pub [u8; GROUP]);

const fn ranks() -> Controls {
    let (mut bytes, mut p) = ([0; GROUP], 0);
    while p < GROUP {
        bytes[p] = (8 * (p % 8) + rank_bit(p)) as u8;
        p += 1;
    }
    Controls(bytes)
}

const fn plane(to: usize) -> Controls {
    let (mut bytes, mut p) = ([0; GROUP], 0);
    while p < GROUP {
        bytes[p] = ((8 * (p % 8) + p / 8 + 64 - to) % 64) as u8;
        p += 1;
    }
    Controls(bytes)
}

pub(in crate::kernel::fast) static RANK_CONTROLS: Controls = ranks();
pub(in crate::kernel::fast) static PLANE_CONTROLS: [Controls; 3] = [plane(0), plane(1), plane(2)];

impl Uppers {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub fn new(ranked: [u8; 4]) -> Uppers {
        // SAFETY: 64 bytes, on a line.
        let load = |controls: &Controls| unsafe { _mm512_load_si512(controls.0.as_ptr().cast()) };
        // Bit 2 of a code is the sign; bits above are whatever they are, so the table repeats itself.
        let positive = u64::from(u32::from_le_bytes(ranked));
        let table = _mm512_set1_epi64((positive | (positive ^ 0x8080_8080) << 32).cast_signed());
        let kept = [0, 1, 2].map(|j| load(&PLANE_CONTROLS[j]));
        Uppers { table, ranks: load(&RANK_CONTROLS), sign: kept[2], kept }
    }

    /// The upper bytes of a group by place, without biases and what lists add.
    ///
    /// # Safety
    /// `record` points to a group's ranks, signs and, for `F16`, kept bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub unsafe fn of<const F16: bool>(&self, record: *const u8) -> __m512i {
        // SAFETY: as the caller promises.
        let (ranks, sign) = unsafe {
            (
                _mm512_broadcast_i32x4(_mm_loadu_si128(record.cast())),
                _mm512_set1_epi64(record.add(RANKS).cast::<i64>().read_unaligned()),
            )
        };
        let ranks = _mm512_multishift_epi64_epi8(self.ranks, ranks);
        let sign = _mm512_multishift_epi64_epi8(self.sign, sign);
        // Bit 2 from the sign, all else from the ranks, whose bits 3 to 5 count for nothing.
        let codes = _mm512_ternarylogic_epi64::<0xd8>(ranks, sign, _mm512_set1_epi8(4));
        let mut upper = _mm512_permutexvar_epi8(codes, self.table);
        if F16 {
            let mut kept = _mm512_setzero_si512();
            for (j, control) in self.kept.iter().enumerate() {
                // SAFETY: as the caller promises.
                let plane = unsafe {
                    _mm512_set1_epi64(record.add(RANKS + PLANE * (1 + j)).cast::<i64>().read_unaligned())
                };
                let bits = _mm512_multishift_epi64_epi8(*control, plane);
                kept = _mm512_ternarylogic_epi64::<0xf8>(kept, bits, _mm512_set1_epi8(1 << j));
            }
            upper = _mm512_add_epi8(upper, kept);
        }
        upper
    }
}

/// What turns tails into words. Their words stand in order, so that planes are masks.
#[derive(Clone, Copy)]
struct Tails {
    shape: RowShape,
    table: __m512i,
    ranks: __m512i,
    bias: __m512i,
    phase: __m512i,
}

impl Tails {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(shape: RowShape, symbols: Symbols<'_>, uppers: Uppers) -> Tails {
        let mut bias = [0; GROUP];
        bias[..shape.tail()].copy_from_slice(&symbols.bias[shape.full()..]);
        // SAFETY: 64 bytes each.
        let (ranks, bias) = unsafe {
            let ranks: [u8; GROUP] = std::array::from_fn(|i| 2 * (i % 8) as u8);
            (_mm512_loadu_si512(ranks.as_ptr().cast()), _mm512_loadu_si512(bias.as_ptr().cast()))
        };
        let phase = _mm512_set1_epi16(symbols.phase.cast_signed());
        Tails { shape, table: uppers.table, ranks, bias, phase }
    }

    /// Writes the words of a row's tail, with what its list adds; past it nothing.
    ///
    /// # Safety
    /// `tail` points to the tail of a row inside the payload, with its guard; there is room for as many words at `to`.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn put<const F16: bool>(&self, tail: *const u8, listed: __m512i, to: *mut u16) {
        let words = self.shape.tail();
        let (planes, lower) =
            (tail.wrapping_add(words.div_ceil(4)), tail.wrapping_add(self.shape.tail_bytes() - words));
        // SAFETY: as the caller promises; what is loaded too much is of the guard, or of words that are not stored.
        unsafe {
            let plane = |number: usize| planes.add(words.div_ceil(8) * number).cast::<u64>().read_unaligned();
            let ranks = _mm512_cvtepu16_epi64(_mm_loadu_si128(tail.cast()));
            let ranks = _mm512_multishift_epi64_epi8(self.ranks, ranks);
            let sign = _mm512_maskz_mov_epi8(plane(0), _mm512_set1_epi8(4));
            let codes = _mm512_ternarylogic_epi64::<0xd8>(ranks, sign, _mm512_set1_epi8(4));
            let mut upper = _mm512_permutexvar_epi8(codes, self.table);
            if F16 {
                for j in 0..3 {
                    upper = _mm512_mask_add_epi8(upper, plane(1 + j), upper, _mm512_set1_epi8(1 << j));
                }
            }
            let upper = _mm512_add_epi8(_mm512_add_epi8(upper, self.bias), listed);
            let lower = _mm512_loadu_si512(lower.cast());
            let lower = [_mm512_castsi512_si256(lower), _mm512_extracti64x4_epi64::<1>(lower)];
            let upper = [_mm512_castsi512_si256(upper), _mm512_extracti64x4_epi64::<1>(upper)];
            for (half, (lower, upper)) in lower.into_iter().zip(upper).enumerate() {
                let upper = _mm512_slli_epi16::<8>(_mm512_cvtepu8_epi16(upper));
                let both = _mm512_or_si512(_mm512_cvtepu8_epi16(lower), upper);
                let there = (u64::MAX >> (GROUP - words) >> (32 * half)) as u32;
                _mm512_mask_storeu_epi16(
                    to.wrapping_add(32 * half).cast(),
                    there,
                    _mm512_sub_epi16(both, self.phase),
                );
            }
        }
    }
}

/// Words 0 to 31 and 32 to 63 of a group, from its upper bytes and its lower ones, which `lower` points to,
/// without the phase.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::kernel::fast) unsafe fn words(upper: __m512i, lower: *const u8) -> [__m512i; 2] {
    // SAFETY: as the caller promises.
    let lower = unsafe { _mm512_loadu_si512(lower.cast()) };
    [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) unsafe fn rows<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    let uppers = Uppers::new(symbols.ranked);
    let tails = Tails::new(shape, symbols, uppers);
    let phase = _mm512_set1_epi16(symbols.phase.cast_signed());
    let full = shape.full();
    for (i, (row, out)) in rows.iter().zip(out.chunks_exact_mut(shape.dim)).enumerate() {
        if row.is_plain() {
            continue;
        }
        let lines = RowLines::of(shape, payload, ahead, i);
        // SAFETY: groups lie inside the payload.
        let mut record = unsafe { payload.as_ptr().add(row.groups()) };
        let groups = out.as_chunks_mut::<GROUP>().0.iter_mut().zip(symbols.bias.as_chunks::<GROUP>().0);
        for (group, (out, bias)) in groups.enumerate() {
            lines.ask(group);
            // SAFETY: as above; a group has 64 words and as many biases.
            unsafe {
                let bias = _mm512_loadu_si512(bias.as_ptr().cast());
                let upper = _mm512_add_epi8(uppers.of::<F16>(record), bias);
                for (half, words) in words(upper, record.add(shape.lower())).into_iter().enumerate() {
                    let to = out.as_mut_ptr().add(32 * half).cast();
                    _mm512_storeu_si512(to, _mm512_sub_epi16(words, phase));
                }
                record = record.add(shape.record());
            }
        }
        if shape.tail() > 0 {
            // SAFETY: the tail lies inside the payload; behind full groups there is room for it.
            unsafe { tails.put::<F16>(record, _mm512_setzero_si512(), out[full..].as_mut_ptr()) };
        }
        add_listed(shape, symbols, *row, payload, out);
    }
}

/// Many rows, two at a time, with what lists add in rooms. If `FAR`, past the caches, and words before those of the
/// rows are in `out`, too.
///
/// # Safety
/// Rows lie inside the payload, with their guard; they have no tail if `FAR`.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vbmi")]
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
    let Some(final_row) = rows.len().checked_sub(1) else { return };
    let (uppers, mut lists) = (Uppers::new(symbols.ranked), PairLists::new(symbols));
    let tails = Tails::new(shape, symbols, uppers);
    let phase = _mm512_set1_epi16(symbols.phase.cast_signed());
    let (places, plan) = (rooms.places(), Plan::of_machine());
    let start = out.len() - rows.len() * shape.dim;
    let joined = Joined::<FAR>::avx512(out, start);
    let mut before = joined.before(phase);
    for i in (0..rows.len() + PairLists::EARLY).step_by(2) {
        // SAFETY: as the caller promises.
        let ready = unsafe { lists.advance::<Many<F16, FAR>>(payload, rows, i, places) };
        let Some((i, _)) = ready else { continue };
        let mut lines = Lines::from(plan, payload, rows[i].at);
        let mut room = [places.of(i), places.of(i + 1)];
        // The last of an odd number goes through twice.
        let second = usize::from(i < final_row);
        let pair = [rows[i], rows[i + second]];
        let mut records = pair.map(|row| payload.as_ptr().wrapping_add(row.groups()));
        let starts = [0, second].map(|r| joined.place((i + r) * shape.dim));
        // What comes before the second row is there when the first is done.
        let (mut to, mut last, mut held) = (starts, [before; 2], before);
        for (group, bias) in symbols.bias.as_chunks::<GROUP>().0.iter().enumerate() {
            // Two groups take three lines, four with kept bits.
            lines.ask::<3>();
            if F16 {
                lines.ask::<1>();
            }
            // SAFETY: groups lie inside the payload; rooms and their places in `out` are as long as rows.
            unsafe {
                let bias = _mm512_loadu_si512(bias.as_ptr().cast());
                for r in 0..2 {
                    let listed = _mm512_load_si512(room[r].cast());
                    _mm512_store_si512(room[r].cast(), _mm512_setzero_si512());
                    let upper = _mm512_add_epi8(uppers.of::<F16>(records[r]), bias);
                    let words = words(_mm512_add_epi8(upper, listed), records[r].add(shape.lower()));
                    let words = [_mm512_sub_epi16(words[0], phase), _mm512_sub_epi16(words[1], phase)];
                    match FAR && r == 1 && group == 0 {
                        true => held = words[0],
                        false => joined.store(to[r], last[r], words[0]),
                    }
                    joined.store(to[r].wrapping_add(GROUP / 2), words[0], words[1]);
                    last[r] = words[1];
                    records[r] = records[r].add(shape.record());
                    (room[r], to[r]) = (room[r].add(GROUP), to[r].wrapping_add(GROUP));
                }
            }
        }
        before = last[second];
        if FAR && second == 1 {
            // SAFETY: the second row's first place.
            unsafe { joined.store(starts[1], last[0], held) };
        }
        if shape.tail() > 0 {
            lines.ask::<3>();
            for ((room, record), to) in room.into_iter().zip(records).zip(to) {
                // SAFETY: what is left of a room is a group; past the caches rows have no tail.
                unsafe {
                    let listed = _mm512_load_si512(room.cast());
                    _mm512_store_si512(room.cast(), _mm512_setzero_si512());
                    tails.put::<F16>(record, listed, to);
                }
            }
        }
    }
    // SAFETY: all of the words before are rows.
    unsafe { joined.end(rows.len() * shape.dim, before) };
}
