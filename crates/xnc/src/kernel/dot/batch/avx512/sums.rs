//! Eight sums at once: their lanes are added in the order of one sum's, several sums to a register.
#![allow(clippy::needless_range_loop)] // plain loops over constants unroll, and lanes stay in registers

use std::arch::x86_64::*;

use super::Lanes;
use crate::kernel::dot::batch::MOST;

/// The lanes of eight sums at most, row by row; zeros after the last.
#[inline]
#[target_feature(enable = "avx512f")]
fn eight<const V: usize, const R: usize>(lanes: Lanes<V, R>) -> [[__m512; 2]; MOST] {
    const { assert!(V * R <= MOST) };
    let mut eight = [[_mm512_setzero_ps(); 2]; MOST];
    for r in 0..R {
        for v in 0..V {
            eight[r * V + v] = lanes[r][v];
        }
    }
    eight
}

/// Halves of two registers: both lower ones, or both upper ones.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves<const WHICH: i32>(a: __m512, b: __m512) -> __m512 {
    _mm512_castpd_ps(_mm512_shuffle_f64x2::<WHICH>(_mm512_castps_pd(a), _mm512_castps_pd(b)))
}

/// Adds the halves of each of two registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn fold(a: __m512, b: __m512) -> __m512 {
    _mm512_add_ps(halves::<0x44>(a, b), halves::<0xee>(a, b))
}

/// Adds the lanes of eight sums that lie in a register of the even words and one of the odd ones each.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn sums<const V: usize, const R: usize>(lanes: Lanes<V, R>) -> [f32; MOST] {
    let lanes = eight(lanes);
    let mut b = [_mm512_setzero_ps(); 4];
    for i in 0..4 {
        let [one, two] = [lanes[2 * i], lanes[2 * i + 1]];
        b[i] = _mm512_add_ps(fold(one[0], two[0]), fold(one[1], two[1]));
    }
    last(b)
}

/// Adds the lanes of eight sums of word pairs.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn sums_of_pairs<const V: usize, const R: usize>(lanes: Lanes<V, R>) -> [f32; MOST] {
    let lanes = eight(lanes);
    let mut b = [_mm512_setzero_ps(); 4];
    for i in 0..4 {
        let [one, two] = [lanes[2 * i], lanes[2 * i + 1]];
        b[i] = fold(_mm512_add_ps(one[0], one[1]), _mm512_add_ps(two[0], two[1]));
    }
    last(b)
}

/// Adds the last eight lanes of eight sums, of which each register has two: 4, 2, 1 apart.
#[inline]
#[target_feature(enable = "avx512f")]
fn last(b: [__m512; 4]) -> [f32; MOST] {
    // A quarter of a register for each of four sums.
    let mut c = [_mm512_setzero_pd(); 2];
    for i in 0..2 {
        let [a, b] = [b[2 * i], b[2 * i + 1]];
        c[i] = _mm512_castps_pd(_mm512_add_ps(halves::<0x88>(a, b), halves::<0xdd>(a, b)));
    }
    let (low, high) = (_mm512_unpacklo_pd(c[0], c[1]), _mm512_unpackhi_pd(c[0], c[1]));
    let found = neighbours(_mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high)));
    let mut sums = [0.0; MOST];
    for i in 0..MOST {
        sums[i] = found[4 * (i % 4) + 2 * (i / 4)];
    }
    sums
}

/// Adds neighbours: the sums stand in the even places.
#[inline]
#[target_feature(enable = "avx512f")]
fn neighbours(d: __m512) -> [f32; 16] {
    let sums = _mm512_add_ps(d, _mm512_permute_ps::<0b10_11_00_01>(d));
    let mut found = [0.0; 16];
    // SAFETY: sixteen floats.
    unsafe { _mm512_storeu_ps(found.as_mut_ptr(), sums) };
    found
}

/// Adds the lanes of eight sums that lie in order.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn sums_in_order<const V: usize, const R: usize>(lanes: Lanes<V, R>) -> [f32; MOST] {
    let lanes = eight(lanes);
    let mut c = [_mm512_setzero_ps(); 2];
    for i in 0..2 {
        let mut b = [_mm512_setzero_ps(); 2];
        for k in 0..2 {
            let [one, two] = [lanes[4 * i + 2 * k], lanes[4 * i + 2 * k + 1]];
            let (one, two) = (_mm512_add_ps(one[0], one[1]), _mm512_add_ps(two[0], two[1]));
            let (even, odd) =
                (_mm512_shuffle_ps::<0b10_00_10_00>(one, two), _mm512_shuffle_ps::<0b11_01_11_01>(one, two));
            // In each quarter: two of one sum, two of the other.
            b[k] = _mm512_add_ps(even, odd);
        }
        c[i] = fold(b[0], b[1]);
    }
    let d = _mm512_add_ps(halves::<0x88>(c[0], c[1]), halves::<0xdd>(c[0], c[1]));
    let found = neighbours(d);
    let mut sums = [0.0; MOST];
    for i in 0..MOST {
        sums[i] = found[2 * i];
    }
    sums
}
