//! AVX-512 with VBMI2.

use std::arch::x86_64::*;

use super::{Levels, ROWS, Ready, Stages};
use crate::kernel::tight::row::{GROUP, Row, RowShape, Symbols};

/// What turns 64 codes of a level into symbols.
#[derive(Clone, Copy)]
pub(in crate::kernel::tight) struct Registers {
    second: __m512i,
    third: __m512i,
    /// Brings codes that follow each other to bytes.
    order: __m512i,
    reverse: __m512i,
}

/// A register of the symbols of four codes, again and again: lookups take the lowest bits of a code alone.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel::tight) fn table(symbols: [u8; 4]) -> __m512i {
    _mm512_set1_epi32(i32::from_le_bytes(symbols))
}

#[repr(align(64))]
struct Bytes([u8; GROUP]);

/// Control that brings code `p` of 64, in two words of 64 bits, each four times, to byte `p`.
static ORDER: Bytes = {
    let (mut bytes, mut p) = ([0; GROUP], 0);
    while p < GROUP {
        bytes[p] = (16 * (p / 8 % 4) + 2 * (p % 8)) as u8;
        p += 1;
    }
    Bytes(bytes)
};

static REVERSE: Bytes = {
    let (mut bytes, mut p) = ([0; GROUP], 0);
    while p < GROUP {
        bytes[p] = (GROUP - 1 - p) as u8;
        p += 1;
    }
    Bytes(bytes)
};

#[allow(clippy::inline_always)]
impl super::Registers for Registers {
    #[inline(always)]
    unsafe fn second(&self, codes: *const u8, next: *const u8, to: *mut u8) -> usize {
        // SAFETY: as the caller promises.
        unsafe { register(self.order, codes, self.second, _mm512_loadu_si512(next.cast()), to) }
    }

    #[inline(always)]
    unsafe fn third(&self, codes: *const u8, end: *const u8, to: *mut u8) -> usize {
        // SAFETY: as the caller promises.
        unsafe {
            let next = _mm512_loadu_si512(end.wrapping_sub(GROUP).cast());
            register(self.order, codes, self.third, _mm512_permutexvar_epi8(self.reverse, next), to)
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
unsafe fn register(order: __m512i, codes: *const u8, symbols: __m512i, next: __m512i, to: *mut u8) -> usize {
    let twice = _mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0);
    // SAFETY: as the callers promise.
    unsafe {
        let codes = _mm512_permutexvar_epi64(twice, _mm512_loadu_si512(codes.cast()));
        let codes = _mm512_multishift_epi64_epi8(order, codes);
        let pass = _mm512_testn_epi8_mask(codes, _mm512_set1_epi8(3));
        let named = _mm512_permutexvar_epi8(codes, symbols);
        _mm512_storeu_si512(to.cast(), _mm512_mask_expand_epi8(named, pass, next));
        pass.count_ones() as usize
    }
}

impl Levels<Registers> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    pub(in crate::kernel::tight) fn avx512(shape: RowShape, symbols: Symbols<'_>) -> Self {
        let [_, second, third] = symbols.levels;
        let (second, third) = (table(second), table(third));
        // SAFETY: 64 bytes each, on a line.
        let (order, reverse) = unsafe {
            (_mm512_load_si512(ORDER.0.as_ptr().cast()), _mm512_load_si512(REVERSE.0.as_ptr().cast()))
        };
        Levels::new(shape, symbols, Registers { second, third, order, reverse })
    }

    /// [`Levels::stage`], apart from the loop over groups, which needs the registers.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
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
