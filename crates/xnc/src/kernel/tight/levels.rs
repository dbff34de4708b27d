//! Symbols of the deeper levels of some rows, made ready before the rows' groups are taken: with AVX-512.
//!
//! The loop over groups then expands a register of symbols for each group. Whether words pass on decides no branch.

use std::arch::x86_64::*;

use super::row::{CODES, GROUP, IN_BYTE, Row, RowShape, Symbols};
use crate::kernel::Aligned;

/// Rows that are made ready together: so few that their lines are still in the nearest cache, so many that what
/// was stored for the first is there when it is loaded.
pub(super) const ROWS: usize = 8;

/// Symbols of the deeper levels of [`ROWS`] rows; zeros behind those of each row.
#[derive(Clone)]
pub(super) struct Stages {
    /// Of words that passed the second level.
    deep: Aligned<u8>,
    /// Of words that passed the first.
    passed: Aligned<u8>,
    pitch: usize,
    /// Registers of either, row by row, that may hold something else than zeros.
    filled: [[usize; ROWS]; 2],
}

impl Stages {
    pub(super) fn new(shape: RowShape) -> Stages {
        // A register may be loaded from behind the last symbol.
        let pitch = shape.places() + 2 * GROUP;
        let stage = Aligned::new(ROWS * pitch, 0);
        Stages { deep: stage.clone(), passed: stage, pitch, filled: [[0; ROWS]; 2] }
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
    usual: usize,
}

/// A mask of the first `n` of 64.
#[inline]
#[target_feature(enable = "bmi2")]
fn first(n: usize) -> u64 {
    _bzhi_u64(u64::MAX, n.min(64) as u32)
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
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
    pub(super) fn new(shape: RowShape, symbols: Symbols<'_>) -> Levels {
        let [_, second, third] = symbols.levels;
        // SAFETY: 64 bytes, on a line.
        let [order, reverse] =
            [&ORDER, &REVERSE].map(|bytes| unsafe { _mm512_load_si512(bytes.0.as_ptr().cast()) });
        let usual = symbols.usual.clamp(1, shape.groups().max(1));
        Levels { shape, second: table(second), third: table(third), order, reverse, usual }
    }

    /// Makes rows ready, none of them plain; where the symbols of words that passed the first level are.
    ///
    /// # Safety
    /// Rows lie inside `payload` with their guard; stages are of the table's shape.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
    pub(super) unsafe fn stage(
        &self,
        payload: *const u8,
        rows: &[Row; ROWS],
        stages: &mut Stages,
    ) -> [*const u8; ROWS] {
        let pitch = stages.pitch;
        let [filled_deep, filled_passed] = &mut stages.filled;
        let [deep, passed] = [&mut stages.deep, &mut stages.passed].map(|stage| stage.as_mut_ptr());
        // SAFETY: as the caller promises; a stage has room for all places of a row, and for a register more.
        unsafe {
            for (i, row) in rows.iter().enumerate() {
                let codes = payload.wrapping_add(row.at + self.shape.coded() + row.second);
                let deep = deep.wrapping_add(i * pitch);
                let all = IN_BYTE * row.third;
                let used = self.third(codes, row.third, 0, 0, deep);
                let until = all.div_ceil(GROUP).clamp(1, self.shape.groups());
                let filled = std::mem::replace(&mut filled_deep[i], until);
                if until.max(filled) > 1 {
                    self.third_on(codes, row.third, until.max(filled), used, deep);
                }
            }
            for (i, row) in rows.iter().enumerate() {
                let codes = payload.wrapping_add(row.at + self.shape.coded());
                let (mut deep, passed) = (deep.wrapping_add(i * pitch), passed.wrapping_add(i * pitch));
                let until = self.usual.max(row.second.div_ceil(CODES));
                let filled = std::mem::replace(&mut filled_passed[i], until);
                for number in 0..until.max(filled) {
                    let left = (IN_BYTE * row.second).saturating_sub(GROUP * number);
                    let codes = codes.wrapping_add(CODES * number);
                    let next = _mm512_loadu_si512(deep.cast());
                    let to = passed.wrapping_add(GROUP * number);
                    deep = deep.wrapping_add(self.register(codes, first(left), self.second, next, to));
                }
            }
        }
        std::array::from_fn(|i| passed.wrapping_add(i * pitch).cast_const())
    }

    /// A register of a level; how many of its words pass on, which take from `next`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
    unsafe fn register(
        &self,
        codes: *const u8,
        there: u64,
        symbols: __m512i,
        next: __m512i,
        to: *mut u8,
    ) -> usize {
        let twice = _mm512_set_epi64(1, 1, 1, 1, 0, 0, 0, 0);
        // SAFETY: as the callers promise.
        unsafe {
            let codes = _mm512_permutexvar_epi64(twice, _mm512_loadu_si512(codes.cast()));
            let codes = _mm512_multishift_epi64_epi8(self.order, codes);
            let pass = _mm512_mask_testn_epi8_mask(there, codes, _mm512_set1_epi8(3));
            let named = _mm512_maskz_permutexvar_epi8(there, codes, symbols);
            _mm512_storeu_si512(to.cast(), _mm512_mask_expand_epi8(named, pass, next));
            pass.count_ones() as usize
        }
    }

    /// Register `number` of the third level, before which `used` bytes at the row's end were taken; zeros behind
    /// its last code.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
    unsafe fn third(
        &self,
        codes: *const u8,
        bytes: usize,
        number: usize,
        used: usize,
        to: *mut u8,
    ) -> usize {
        let unnamed = bytes.saturating_sub(used);
        let left = (IN_BYTE * bytes).saturating_sub(GROUP * number);
        // SAFETY: as the callers promise; before a row's levels there are 64 bytes and more.
        unsafe {
            let end = _mm512_loadu_si512(codes.wrapping_add(unnamed).wrapping_sub(GROUP).cast());
            let next = _mm512_maskz_permutexvar_epi8(first(unnamed), self.reverse, end);
            self.register(codes.wrapping_add(CODES * number), first(left), self.third, next, to)
        }
    }

    /// The registers of the third level up to one, all but the first.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
    unsafe fn third_on(&self, codes: *const u8, bytes: usize, until: usize, mut used: usize, deep: *mut u8) {
        for number in 1..until {
            // SAFETY: as the callers promise; a stage has as many registers as a row has groups.
            used += unsafe { self.third(codes, bytes, number, used, deep.wrapping_add(GROUP * number)) };
        }
    }
}
