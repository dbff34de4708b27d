//! NEON, which has nothing that expands bytes: how many words pass on before each one of sixteen is counted by shifts
//! and additions, and a lookup takes their symbols by that number.

use std::arch::aarch64::*;

use super::{Levels, ROWS, Ready, Stages, named, passing};
use crate::kernel::tight::row::{Row, RowShape, Symbols};

/// What turns 64 codes of a level into symbols.
#[derive(Clone, Copy)]
pub(in crate::kernel::tight) struct Registers {
    second: Halves,
    third: Halves,
    /// How many of the two codes in half a byte pass on.
    counts: uint8x16_t,
    /// What the count before half a byte becomes, for either of its codes, to be the index of a lookup.
    controls: Halves,
}

/// Two tables by half a byte: for the lower code in it, and for the upper one.
pub(in crate::kernel::tight) type Halves = [uint8x16_t; 2];

/// An index that leaves a byte as it is.
pub(in crate::kernel::tight) const NONE: u8 = 0x80;

/// A table by half a byte.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel::tight) fn by_half(of: impl Fn(usize) -> u8) -> uint8x16_t {
    let table: [u8; 16] = std::array::from_fn(of);
    // SAFETY: sixteen bytes.
    unsafe { vld1q_u8(table.as_ptr()) }
}

/// The symbols of either code in half a byte, zero for those that pass on.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel::tight) fn symbols_of(level: [u8; 4]) -> Halves {
    let level = named(level);
    [0, 2].map(|shift| by_half(|half| level[half >> shift & 3]))
}

#[allow(clippy::inline_always)]
impl super::Registers for Registers {
    #[inline(always)]
    unsafe fn second(&self, codes: *const u8, next: *const u8, to: *mut u8) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.register::<false>(codes, &self.second, next, to) }
    }

    #[inline(always)]
    unsafe fn third(&self, codes: *const u8, end: *const u8, to: *mut u8) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.register::<true>(codes, &self.third, end, to) }
    }
}

impl Registers {
    /// Symbols of words that pass on are from `next` on, or, if `BACK`, before it.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn register<const BACK: bool>(
        &self,
        codes: *const u8,
        symbols: &Halves,
        next: *const u8,
        to: *mut u8,
    ) -> usize {
        // SAFETY: as the callers promise.
        unsafe {
            let [first, second, third, all] = passing(codes);
            let codes = vld1q_u8(codes);
            let (low, high) = (vandq_u8(codes, vdupq_n_u8(15)), vshrq_n_u8::<4>(codes));
            let sixteens = [[0, first], [second, third]];
            for (i, halves) in [vzip1q_u8(low, high), vzip2q_u8(low, high)].into_iter().enumerate() {
                // How many words of sixteen pass on before each two of them.
                let before = shifted::<8>(vqtbl1q_u8(self.counts, halves));
                let before = vaddq_u8(before, shifted::<8>(before));
                let before = vaddq_u8(before, shifted::<16>(before));
                let before = vaddq_u8(before, shifted::<32>(before));
                let even = vaddq_u8(before, vqtbl1q_u8(self.controls[0], halves));
                let odd = vaddq_u8(before, vqtbl1q_u8(self.controls[1], halves));
                let controls = [vzip1q_u8(even, odd), vzip2q_u8(even, odd)];
                let (even, odd) = (vqtbl1q_u8(symbols[0], halves), vqtbl1q_u8(symbols[1], halves));
                let named = [vzip1q_u8(even, odd), vzip2q_u8(even, odd)];
                for j in 0..2 {
                    let next = match BACK {
                        false => vld1q_u8(next.wrapping_add(sixteens[i][j])),
                        true => reversed(vld1q_u8(next.wrapping_sub(16 + sixteens[i][j]))),
                    };
                    vst1q_u8(to.add(32 * i + 16 * j), vqtbx1q_u8(named[j], next, controls[j]));
                }
            }
            all
        }
    }
}

/// Each eight bytes, moved up by some bits.
#[inline]
#[target_feature(enable = "neon")]
fn shifted<const BITS: i32>(bytes: uint8x16_t) -> uint8x16_t {
    vreinterpretq_u8_u64(vshlq_n_u64::<BITS>(vreinterpretq_u64_u8(bytes)))
}

#[inline]
#[target_feature(enable = "neon")]
fn reversed(bytes: uint8x16_t) -> uint8x16_t {
    let halves = vrev64q_u8(bytes);
    vextq_u8::<8>(halves, halves)
}

impl Levels<Registers> {
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::kernel::tight) fn neon(shape: RowShape, symbols: Symbols<'_>) -> Self {
        let [_, second, third] = symbols.levels.map(|level| symbols_of(level));
        let passes = |half: usize, upper: usize| u8::from(half >> (2 * upper) & 3 == 0);
        let none_unless = |passes: u8| if passes == 1 { 0 } else { NONE };
        let registers = Registers {
            second,
            third,
            counts: by_half(|half| passes(half, 0) + passes(half, 1)),
            controls: [
                by_half(|half| none_unless(passes(half, 0))),
                by_half(|half| passes(half, 0) + none_unless(passes(half, 1))),
            ],
        };
        Levels::new(shape, symbols, registers)
    }

    /// [`Levels::stage`], apart from the loop over groups, which needs the registers.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    #[target_feature(enable = "neon")]
    pub(in crate::kernel::tight) unsafe fn ready(
        &self,
        payload: *const u8,
        rows: &[Row; ROWS],
        stages: &mut Stages,
        all: bool,
    ) -> Ready {
        // SAFETY: as the caller promises.
        unsafe { self.stage(payload, rows, stages, all) }
    }
}
