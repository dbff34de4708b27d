//! NEON: a group is four registers of upper bytes and four of lower ones.

use std::arch::aarch64::*;

use super::lines::RowLines;
use super::{Ahead, add_listed, scalar};
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::fast::rooms::{Lists, Rooms};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols};

/// What turns the codes of groups into upper bytes.
#[derive(Clone, Copy)]
struct Uppers {
    /// Symbols of the lower and of the upper rank in half a byte.
    tables: [uint8x16_t; 2],
}

impl Uppers {
    #[inline]
    #[target_feature(enable = "neon")]
    fn new(ranked: [u8; 4]) -> Uppers {
        let tables = [0, 2].map(|shift| {
            let table: [u8; 16] = std::array::from_fn(|code| ranked[code >> shift & 3]);
            // SAFETY: sixteen bytes.
            unsafe { vld1q_u8(table.as_ptr()) }
        });
        Uppers { tables }
    }

    /// The upper bytes of a group by place, without biases and what lists add.
    ///
    /// # Safety
    /// `record` points to a group's ranks, signs and, for `F16`, kept bits.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn of<const F16: bool>(&self, record: *const u8) -> [uint8x16_t; 4] {
        // SAFETY: as the caller promises.
        let ranks = unsafe { vld1q_u8(record) };
        let halves = [vandq_u8(ranks, vdupq_n_u8(15)), vshrq_n_u8::<4>(ranks)];
        let symbols = |k: usize| vqtbl1q_u8(self.tables[k / 2], halves[k % 2]);
        // SAFETY: as the caller promises.
        let signs = unsafe { plane::<7>(record.add(RANKS)) };
        let mut upper: [uint8x16_t; 4] = std::array::from_fn(|k| vaddq_u8(symbols(k), signs[k]));
        if F16 {
            // SAFETY: as the caller promises.
            let kept = unsafe {
                let plane_of = |number: usize| record.add(RANKS + PLANE * (1 + number));
                [plane::<0>(plane_of(0)), plane::<1>(plane_of(1)), plane::<2>(plane_of(2))]
            };
            for kept in kept {
                upper = std::array::from_fn(|k| vaddq_u8(upper[k], kept[k]));
            }
        }
        upper
    }
}

/// The bits of a plane by place, each as bit `TO` of a byte.
///
/// # Safety
/// `at` points to a plane.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel) unsafe fn plane<const TO: u8>(at: *const u8) -> [uint8x16_t; 4] {
    // SAFETY: as the caller promises.
    let bits = vcombine_u8(unsafe { vld1_u8(at) }, unsafe { vld1_u8(at) });
    // Bit `p div 8` of a plane's bytes belongs to eight places each.
    std::array::from_fn(|k| {
        let of = |half: usize| vdup_n_u8(1 << (2 * k + half));
        vandq_u8(vtstq_u8(bits, vcombine_u8(of(0), of(1))), vdupq_n_u8(1 << TO))
    })
}

/// Writes the words of a group, from its upper bytes and its lower ones, which `lower` points to.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(upper: [uint8x16_t; 4], lower: *const u8, phase: uint16x8_t, out: &mut [u16; GROUP]) {
    for (k, upper) in upper.into_iter().enumerate() {
        // SAFETY: as the caller promises; twice eight words of the group.
        unsafe {
            let lower = vld1q_u8(lower.add(16 * k));
            for (half, words) in [vzip1q_u8(lower, upper), vzip2q_u8(lower, upper)].into_iter().enumerate() {
                let words = vsubq_u16(vreinterpretq_u16_u8(words), phase);
                vst1q_u16(out.as_mut_ptr().add(32 * half + 8 * k), words);
            }
        }
    }
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "neon")]
pub(super) unsafe fn rows<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    let (uppers, phase) = (Uppers::new(symbols.ranked), vdupq_n_u16(symbols.phase));
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
            // SAFETY: as above; a group has 64 biases.
            unsafe {
                let mut upper = uppers.of::<F16>(record);
                for (k, upper) in upper.iter_mut().enumerate() {
                    *upper = vaddq_u8(*upper, vld1q_u8(bias.as_ptr().add(16 * k)));
                }
                store(upper, record.add(shape.lower()), phase, out);
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

/// Many rows, with what lists add in rooms.
///
/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "neon")]
pub(super) unsafe fn many<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    rooms: &mut Rooms,
    out: &mut [u16],
) {
    let (uppers, phase) = (Uppers::new(symbols.ranked), vdupq_n_u16(symbols.phase));
    let (lists, places, plan) = (Lists::new(symbols), rooms.places(), Plan::of_machine());
    for next in 0..rows.len() + 2 {
        if let Some(row) = rows.get(next) {
            // SAFETY: as the caller promises.
            unsafe { lists.put(payload, *row, places.of(next)) };
        }
        let Some(i) = next.checked_sub(2) else { continue };
        let (row, mut room) = (rows[i], places.of(i));
        let mut record = payload.as_ptr().wrapping_add(row.groups());
        let mut lines = Lines::from(plan, payload, row.at);
        let (full, tail) = out[i * shape.dim..][..shape.dim].as_chunks_mut::<GROUP>();
        for (out, bias) in full.iter_mut().zip(symbols.bias.as_chunks::<GROUP>().0) {
            lines.ask::<2>();
            // SAFETY: groups lie inside the payload; rooms are as long as rows, and a group has 64 biases.
            unsafe {
                let mut upper = uppers.of::<F16>(record);
                for (k, upper) in upper.iter_mut().enumerate() {
                    let (bias, room) = (bias.as_ptr().add(16 * k), room.add(16 * k));
                    *upper = vaddq_u8(*upper, vaddq_u8(vld1q_u8(bias), vld1q_u8(room)));
                    vst1q_u8(room, vdupq_n_u8(0));
                }
                store(upper, record.add(shape.lower()), phase, out);
                (record, room) = (record.add(shape.record()), room.add(GROUP));
            }
        }
        if !tail.is_empty() {
            // SAFETY: what is left of a room is a group.
            unsafe { super::tail(shape, symbols, payload, row, room, tail) };
        }
    }
}
