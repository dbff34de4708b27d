//! AVX2, which has nothing that expands bytes: how many words pass on before each one of sixteen is counted by shifts
//! and additions, and a shuffle takes their symbols by that number.

use std::arch::x86_64::*;

use super::{Levels, ROWS, Ready, Stages, named, passing};
use crate::kernel::tight::row::{Row, RowShape, Symbols};

/// What turns 64 codes of a level into symbols.
#[derive(Clone, Copy)]
pub(in crate::kernel::tight) struct Registers {
    second: Halves,
    third: Halves,
    /// How many of the two codes in half a byte pass on.
    counts: __m256i,
    /// What the count before half a byte becomes, for either of its codes, to be the control of a shuffle.
    controls: Halves,
    reverse: __m256i,
}

/// Two tables by half a byte: for the lower code in it, and for the upper one.
pub(in crate::kernel::tight) type Halves = [__m256i; 2];

/// The control that makes a shuffle give zero.
const NONE: u8 = 0x80;

/// The tables that no symbols are in.
struct Tables {
    counts: [u8; 16],
    controls: [[u8; 16]; 2],
    /// As in `unpack/avx2.rs`.
    passes: [u8; 16],
    group_controls: [[u8; 16]; 2],
    reverse: [u8; 16],
    /// The upper code.
    upper: [u8; 16],
}

static TABLES: Tables = {
    let zero = [0; 16];
    let mut tables = Tables {
        counts: zero,
        controls: [zero; 2],
        passes: zero,
        group_controls: [zero; 2],
        reverse: zero,
        upper: zero,
    };
    let mut half = 0;
    while half < 16 {
        let passes = [(half % 4 == 0) as u8, (half / 4 == 0) as u8];
        let none = [NONE * (1 - passes[0]), NONE * (1 - passes[1])];
        tables.counts[half] = passes[0] + passes[1];
        tables.controls[0][half] = none[0];
        tables.controls[1][half] = passes[0] + none[1];
        tables.passes[half] = passes[0] | passes[1] << 4;
        tables.group_controls[0][half] = none[0];
        tables.group_controls[1][half] = none[1];
        tables.reverse[half] = 15 - half as u8;
        tables.upper[half] = half as u8 / 4;
        half += 1;
    }
    tables
};

#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: &[u8; 16]) -> __m256i {
    // SAFETY: sixteen bytes.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

/// The symbols of either code in half a byte, zero for those that pass on.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel::tight) fn symbols_of(level: [u8; 4]) -> Halves {
    let lower = _mm256_set1_epi32(i32::from_le_bytes(named(level)));
    [lower, _mm256_shuffle_epi8(lower, twice(&TABLES.upper))]
}

/// Which of the two codes in half a byte pass on, in half a byte each; and what is added to how many words pass on
/// before, to be the control of a shuffle.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel::tight) fn passes_of_group() -> (__m256i, Halves) {
    let controls = [twice(&TABLES.group_controls[0]), twice(&TABLES.group_controls[1])];
    (twice(&TABLES.passes), controls)
}

/// Sixteen bytes from each of two places.
///
/// # Safety
/// They are there.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel::tight) unsafe fn load(low: *const u8, high: *const u8) -> __m256i {
    // SAFETY: as the caller promises.
    unsafe { _mm256_loadu2_m128i(high.cast(), low.cast()) }
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
    #[target_feature(enable = "avx2,popcnt")]
    unsafe fn register<const BACK: bool>(
        &self,
        codes: *const u8,
        symbols: &Halves,
        next: *const u8,
        to: *mut u8,
    ) -> usize {
        // SAFETY: as the callers promise.
        unsafe {
            let passing = passing(codes);
            let halves = _mm256_cvtepu8_epi16(_mm_loadu_si128(codes.cast()));
            let halves = _mm256_or_si256(halves, _mm256_slli_epi16::<4>(halves));
            let halves = _mm256_and_si256(halves, _mm256_set1_epi8(15));
            // How many words of sixteen pass on before each two of them.
            let before = _mm256_slli_epi64::<8>(_mm256_shuffle_epi8(self.counts, halves));
            let before = _mm256_add_epi8(before, _mm256_slli_epi64::<8>(before));
            let before = _mm256_add_epi8(before, _mm256_slli_epi64::<16>(before));
            let before = _mm256_add_epi8(before, _mm256_slli_epi64::<32>(before));
            let even = _mm256_add_epi8(before, _mm256_shuffle_epi8(self.controls[0], halves));
            let odd = _mm256_add_epi8(before, _mm256_shuffle_epi8(self.controls[1], halves));
            let controls = [_mm256_unpacklo_epi8(even, odd), _mm256_unpackhi_epi8(even, odd)];
            let even = _mm256_shuffle_epi8(symbols[0], halves);
            let odd = _mm256_shuffle_epi8(symbols[1], halves);
            let named = [_mm256_unpacklo_epi8(even, odd), _mm256_unpackhi_epi8(even, odd)];
            // The first and the third sixteen, the second and the fourth.
            let next = [
                load(step::<BACK>(next, 0), step::<BACK>(next, passing[1])),
                load(step::<BACK>(next, passing[0]), step::<BACK>(next, passing[2])),
            ];
            let first = self.filled::<BACK>(named[0], controls[0], next[0]);
            let second = self.filled::<BACK>(named[1], controls[1], next[1]);
            _mm256_storeu_si256(to.cast(), _mm256_permute2x128_si256::<0x20>(first, second));
            _mm256_storeu_si256(to.add(32).cast(), _mm256_permute2x128_si256::<0x31>(first, second));
            passing[3]
        }
    }

    /// Symbols, those of words that pass on as the controls take them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn filled<const BACK: bool>(&self, named: __m256i, controls: __m256i, next: __m256i) -> __m256i {
        let next = if BACK { _mm256_shuffle_epi8(next, self.reverse) } else { next };
        _mm256_or_si256(named, _mm256_shuffle_epi8(next, controls))
    }
}

/// Where the symbols of the next sixteen words are, some words on.
#[inline]
fn step<const BACK: bool>(next: *const u8, words: usize) -> *const u8 {
    if BACK { next.wrapping_sub(16 + words) } else { next.wrapping_add(words) }
}

impl Levels<Registers> {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernel::tight) fn avx2(shape: RowShape, symbols: Symbols<'_>) -> Self {
        let registers = Registers {
            second: symbols_of(symbols.levels[1]),
            third: symbols_of(symbols.levels[2]),
            counts: twice(&TABLES.counts),
            controls: [twice(&TABLES.controls[0]), twice(&TABLES.controls[1])],
            reverse: twice(&TABLES.reverse),
        };
        Levels::new(shape, symbols, registers)
    }

    /// [`Levels::stage`], apart from the loop over groups, which needs the registers.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    #[target_feature(enable = "avx2,popcnt")]
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
