//! Symbols of the deeper levels of some rows, made ready before the rows' groups are taken: with AVX-512.
//!
//! The loop over groups then expands a register of symbols for each group. Whether words pass on decides no branch:
//! of each level as many registers are made as nearly all rows of the table take, whether a row has as many or not.

use std::arch::x86_64::*;

use super::row::{CODES, GROUP, Row, RowShape, Symbols};
use crate::kernel::Aligned;

/// Rows that are made ready together: so few that their lines are still in the nearest cache, so many that what
/// was stored for the first is there when it is loaded.
pub(super) const ROWS: usize = 8;

/// Symbols of the deeper levels of [`ROWS`] rows.
#[derive(Clone)]
pub(super) struct Stages {
    /// Of words that passed the second level.
    deep: Aligned<u8>,
    /// Of words that passed the first.
    passed: Aligned<u8>,
    pitch: usize,
}

impl Stages {
    pub(super) fn new(shape: RowShape) -> Stages {
        // A register may be loaded from behind the last symbol.
        let pitch = shape.places() + 2 * GROUP;
        let stage = Aligned::new(ROWS * pitch, 0);
        Stages { deep: stage.clone(), passed: stage, pitch }
    }
}

/// What turns the codes of levels into symbols.
#[derive(Clone, Copy)]
pub(super) struct Levels {
    shape: RowShape,
    second: __m512i,
    third: __m512i,
    /// Brings codes that follow each other to bytes.
    order: __m512i,
    reverse: __m512i,
    usual: [usize; 2],
}

/// Where symbols of words that passed the first level are, and where those end that were made ready.
pub(super) struct Ready {
    pub(super) from: [*const u8; ROWS],
    pub(super) to: [*const u8; ROWS],
}

/// A register of the symbols of four codes, again and again: lookups take the lowest bits of a code alone.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn table(symbols: [u8; 4]) -> __m512i {
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

impl Levels {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    pub(super) fn new(shape: RowShape, symbols: Symbols<'_>) -> Levels {
        let [_, second, third] = symbols.levels;
        // SAFETY: 64 bytes, on a line.
        let [order, reverse] =
            [&ORDER, &REVERSE].map(|bytes| unsafe { _mm512_load_si512(bytes.0.as_ptr().cast()) });
        let usual = symbols.usual.map(|registers| registers.clamp(1, shape.groups().max(1)));
        Levels { shape, second: table(second), third: table(third), order, reverse, usual }
    }

    /// Makes rows ready, none of them plain; all that their bytes could ask for, if `all`, or else what rows as they
    /// should be ask for.
    ///
    /// # Safety
    /// Rows lie inside `payload` with their guard; stages are of the table's shape.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    pub(super) unsafe fn stage(
        &self,
        payload: *const u8,
        rows: &[Row; ROWS],
        stages: &mut Stages,
        all: bool,
    ) -> Ready {
        let (pitch, groups, coded) = (stages.pitch, self.shape.groups(), self.shape.coded());
        let [deep, passed] = [&mut stages.deep, &mut stages.passed].map(|stage| stage.as_mut_ptr());
        let from = std::array::from_fn(|i| passed.wrapping_add(i * pitch).cast_const());
        let mut ready = Ready { from, to: from };
        let [usual, usual_deep] = self.usual;
        for (i, row) in rows.iter().enumerate() {
            let second = payload.wrapping_add(row.at + coded);
            // SAFETY: as the caller promises.
            unsafe {
                self.third(second.wrapping_add(row.second), *row, usual_deep, deep.wrapping_add(i * pitch))
            };
        }
        for (i, row) in rows.iter().enumerate() {
            let second = payload.wrapping_add(row.at + coded);
            let (deep, passed) = (deep.wrapping_add(i * pitch), passed.wrapping_add(i * pitch));
            let registers = if all { groups } else { usual.max(row.second.div_ceil(CODES)) };
            // SAFETY: as the caller promises; a stage has room for as many registers as a row has groups, and one.
            unsafe {
                let asked = self.second(second, deep, registers, passed);
                if asked > GROUP * usual_deep {
                    let third = second.wrapping_add(row.second);
                    self.third(third, *row, asked.div_ceil(GROUP), deep);
                    self.second(second, deep, registers, passed);
                }
            }
            ready.to[i] = passed.wrapping_add(GROUP * registers);
        }
        ready
    }

    /// Registers of the second level; how many of their words pass on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    unsafe fn second(&self, codes: *const u8, deep: *const u8, registers: usize, to: *mut u8) -> usize {
        let mut asked = 0;
        for number in 0..registers {
            // SAFETY: as the caller promises.
            unsafe {
                let next = _mm512_loadu_si512(deep.wrapping_add(asked).cast());
                let codes = codes.wrapping_add(CODES * number);
                asked += self.register(codes, self.second, next, to.wrapping_add(GROUP * number));
            }
        }
        asked
    }

    /// Registers of the third level.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    unsafe fn third(&self, codes: *const u8, row: Row, registers: usize, to: *mut u8) {
        let mut end = codes.wrapping_add(row.third);
        for number in 0..registers {
            // SAFETY: as the caller promises. A row takes 64 bytes a group and more, so that as many before its
            // end are its own.
            unsafe {
                let next = _mm512_loadu_si512(end.wrapping_sub(GROUP).cast());
                let next = _mm512_permutexvar_epi8(self.reverse, next);
                let codes = codes.wrapping_add(CODES * number);
                let taken = self.register(codes, self.third, next, to.wrapping_add(GROUP * number));
                end = end.wrapping_sub(taken);
            }
        }
    }

    /// A register of a level; how many of its words pass on, which take from `next`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
    unsafe fn register(&self, codes: *const u8, symbols: __m512i, next: __m512i, to: *mut u8) -> usize {
        let twice = _mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0);
        // SAFETY: as the callers promise.
        unsafe {
            let codes = _mm512_permutexvar_epi64(twice, _mm512_loadu_si512(codes.cast()));
            let codes = _mm512_multishift_epi64_epi8(self.order, codes);
            let pass = _mm512_testn_epi8_mask(codes, _mm512_set1_epi8(3));
            let named = _mm512_permutexvar_epi8(codes, symbols);
            _mm512_storeu_si512(to.cast(), _mm512_mask_expand_epi8(named, pass, next));
            pass.count_ones() as usize
        }
    }
}
