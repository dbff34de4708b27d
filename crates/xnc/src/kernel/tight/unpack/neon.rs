//! NEON: rows whose deeper levels are made ready first, and groups as four registers of upper bytes.

use std::arch::aarch64::*;

use super::{Ahead, tail};
use crate::kernel::ahead::Share;
use crate::kernel::fast::row::PLANE;
use crate::kernel::fast::unpack::neon::plane;
use crate::kernel::tight::levels::neon::{Halves, NONE, by_half, symbols_of};
use crate::kernel::tight::levels::{Levels, Stages, blocks, passing_of_group};
use crate::kernel::tight::row::{CODES, GROUP, Row, RowShape, Symbols};

/// What turns the codes of groups into symbols.
#[derive(Clone, Copy)]
struct Codes {
    symbols: Halves,
    /// Which of the two codes in half a byte pass on, in half a byte each.
    passes: uint8x16_t,
    /// Added to how many words pass on before, to be the index of a lookup.
    controls: Halves,
}

/// Bytes moved up by some places.
#[inline]
#[target_feature(enable = "neon")]
fn moved<const UP: i32>(bytes: uint8x16_t) -> uint8x16_t {
    // What comes in is the end of zeros.
    match UP {
        1 => vextq_u8::<15>(vdupq_n_u8(0), bytes),
        2 => vextq_u8::<14>(vdupq_n_u8(0), bytes),
        4 => vextq_u8::<12>(vdupq_n_u8(0), bytes),
        _ => vextq_u8::<8>(vdupq_n_u8(0), bytes),
    }
}

impl Codes {
    #[inline]
    #[target_feature(enable = "neon")]
    fn new(symbols: Symbols<'_>) -> Codes {
        let passes = |half: usize, upper: usize| u8::from(half >> (2 * upper) & 3 == 0);
        Codes {
            symbols: symbols_of(symbols.levels[0]),
            passes: by_half(|half| passes(half, 0) | passes(half, 1) << 4),
            controls: [0, 1].map(|upper| by_half(|half| NONE * (1 - passes(half, upper)))),
        }
    }

    /// The symbols of a group by place. Words that pass on have theirs from `passed` on; steps over these.
    ///
    /// # Safety
    /// `record` points to the codes of a group, and there are 64 bytes at `passed`.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn symbols(&self, record: *const u8, passed: &mut *const u8) -> [uint8x16_t; 4] {
        // SAFETY: as the caller promises.
        let (codes, passing) = unsafe { (vld1q_u8(record), passing_of_group(record)) };
        let from = [*passed, passed.wrapping_add(passing[0]), passed.wrapping_add(passing[1])];
        let from = [from[0], from[1], from[2], passed.wrapping_add(passing[2])];
        *passed = passed.wrapping_add(passing[3]);
        let mut all = [vdupq_n_u8(0); 4];
        // The low halves of bytes have the codes of places 0 to 15 and 32 to 47, the high ones those between and
        // after.
        let low = vdupq_n_u8(15);
        for (odd, halves) in [vandq_u8(codes, low), vshrq_n_u8::<4>(codes)].into_iter().enumerate() {
            // How many words of sixteen pass on before each: at most 15, so that two counts share a byte.
            let before = moved::<1>(vqtbl1q_u8(self.passes, halves));
            let before = vaddq_u8(before, moved::<1>(before));
            let before = vaddq_u8(before, moved::<2>(before));
            let before = vaddq_u8(before, moved::<4>(before));
            let before = vaddq_u8(before, moved::<8>(before));
            let before = [vandq_u8(before, low), vshrq_n_u8::<4>(before)];
            for (i, before) in before.into_iter().enumerate() {
                let sixteen = odd + 2 * i;
                let controls = vorrq_u8(before, vqtbl1q_u8(self.controls[i], halves));
                // SAFETY: as the caller promises.
                let next = unsafe { vld1q_u8(from[sixteen]) };
                all[sixteen] = vqtbx1q_u8(vqtbl1q_u8(self.symbols[i], halves), next, controls);
            }
        }
        all
    }
}

/// # Safety
/// Rows lie inside the payload, with their guard; stages are of the shape.
#[target_feature(enable = "neon")]
pub(super) unsafe fn rows<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    stages: &mut Stages,
    out: &mut [u16],
) {
    let (levels, codes) = (Levels::neon(shape, symbols), Codes::new(symbols));
    // These processors see by themselves that whole lines are written: a row needs nothing of the one before.
    let mut before = ();
    each_row!(levels, (shape, payload, rows, ahead, stages), before, |row, lines, passed, number| {
        let out = &mut out[number * shape.dim..][..shape.dim];
        row_of::<F16>(shape, symbols.bias, &codes, payload, row, lines, passed, out)
    });
}

/// The words of a row; steps over symbols of words that passed.
#[expect(clippy::too_many_arguments, reason = "a loop's body with a name")]
#[inline]
#[target_feature(enable = "neon")]
unsafe fn row_of<const F16: bool>(
    shape: RowShape,
    bias: &[u8],
    codes: &Codes,
    payload: &[u8],
    row: Row,
    mut lines: Share,
    passed: &mut *const u8,
    out: &mut [u16],
) {
    let mut record = payload.as_ptr().wrapping_add(row.at);
    let tail = tail(shape, payload, row);
    for number in 0..shape.groups() {
        let bias = bias[number * GROUP..].first_chunk::<GROUP>().expect("a bias for each place");
        let out = &mut out[number * GROUP..];
        lines.ask();
        if number == shape.full() {
            record = tail.as_ptr();
        }
        // SAFETY: groups lie inside the payload, and stages have room for a register behind their symbols.
        unsafe {
            let mut upper = codes.symbols(record, passed);
            for (i, upper) in upper.iter_mut().enumerate() {
                *upper = vaddq_u8(*upper, vld1q_u8(bias.as_ptr().add(16 * i)));
            }
            if F16 {
                let planes = |number: usize| record.add(CODES + PLANE * number);
                for kept in [plane::<0>(planes(0)), plane::<1>(planes(1)), plane::<2>(planes(2))] {
                    for (upper, kept) in upper.iter_mut().zip(kept) {
                        *upper = vaddq_u8(*upper, kept);
                    }
                }
            }
            if let Some(out) = out.first_chunk_mut::<GROUP>() {
                store(upper, record.add(shape.lower()), out);
            } else {
                let mut whole = [0; GROUP];
                store(upper, record.add(shape.lower()), &mut whole);
                out.copy_from_slice(&whole[..out.len()]);
            }
        }
        record = record.wrapping_add(shape.record());
    }
}

/// Writes the words of a group, from its upper bytes and its lower ones, which `lower` points to.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(upper: [uint8x16_t; 4], lower: *const u8, out: &mut [u16; GROUP]) {
    for (k, upper) in upper.into_iter().enumerate() {
        // SAFETY: as the caller promises; twice eight words of the group.
        unsafe {
            let lower = vld1q_u8(lower.add(16 * k));
            for (half, words) in [vzip1q_u8(lower, upper), vzip2q_u8(lower, upper)].into_iter().enumerate() {
                let quads = vreinterpretq_u64_u8(words);
                let quads = vsliq_n_u64::<63>(vshrq_n_u64::<1>(quads), quads);
                vst1q_u16(out.as_mut_ptr().add(32 * half + 8 * k), vreinterpretq_u16_u64(quads));
            }
        }
    }
}
