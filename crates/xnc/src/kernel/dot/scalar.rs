//! Portable, and what defines the others.

use super::{GROUP, READ, filled};
use crate::dtype::Dtype;

/// Adds the 32 lanes of F32 activations.
pub(super) fn sum(lane: [f32; 32]) -> f32 {
    let a: [f32; 16] = std::array::from_fn(|l| lane[l] + lane[l + 16]);
    let b: [f32; 8] = std::array::from_fn(|j| a[2 * j] + a[2 * j + 1]);
    let c: [f32; 4] = std::array::from_fn(|j| b[j] + b[j + 4]);
    (c[0] + c[2]) + (c[1] + c[3])
}

/// Adds the 32 lanes of word pairs.
pub(super) fn sum_pairs(lane: [f32; 32]) -> f32 {
    let a: [f32; 16] = std::array::from_fn(|l| lane[l] + lane[l + 16]);
    let b: [f32; 8] = std::array::from_fn(|l| a[l] + a[l + 8]);
    let c: [f32; 4] = std::array::from_fn(|l| b[l] + b[l + 4]);
    (c[0] + c[2]) + (c[1] + c[3])
}

/// Asks for nothing ahead.
pub(in crate::kernel) fn rows_f32(
    dtype: Dtype,
    rows: &[u8],
    dim: usize,
    x: &[f32],
    _ahead: usize,
    out: &mut [f32],
) {
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [0.0; 32];
        let mut group = |words: &[u8; 2 * GROUP], x: &[f32; GROUP]| {
            for (i, (word, x)) in words.as_chunks().0.iter().zip(x).enumerate() {
                let value = dtype.to_f32(u16::from_le_bytes(*word));
                lane[i % 32] = value.mul_add(*x, lane[i % 32]);
            }
        };
        let ((groups, tail), x) = (row.as_chunks(), x.as_chunks().0);
        groups.iter().zip(x).for_each(|(words, x)| group(words, x));
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum(lane);
    }
}

/// Asks for nothing ahead.
pub(in crate::kernel) fn pair_rows(rows: &[u8], dim: usize, x: &[u16], _ahead: usize, out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [0.0; 32];
        let mut group = |words: &[u8; 2 * GROUP], x: &[u16; GROUP]| {
            for (l, lane) in lane.iter_mut().enumerate() {
                for i in [2 * l + 1, 2 * l] {
                    let word = u16::from_le_bytes([words[2 * i], words[2 * i + 1]]);
                    *lane = multiply_add(value(word), value(x[i]), *lane);
                }
            }
        };
        let ((groups, tail), x) = (row.as_chunks(), x.as_chunks().0);
        groups.iter().zip(x).for_each(|(words, x)| group(words, x));
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum_pairs(lane);
    }
}

/// A BF16 word's value, a subnormal as zero.
pub(super) fn value(word: u16) -> f32 {
    let kept = if word & 0x7f80 == 0 { word & 0x8000 } else { word };
    f32::from_bits(u32::from(kept) << 16)
}

/// One step of `vdpbf16ps`: fused, to nearest even; a result that is subnormal once rounded, were its
/// exponent not bounded, becomes zero. `a` and `b` are BF16 values, none of the three is subnormal.
pub(super) fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    let result = a.mul_add(b, c);
    if result.abs() > f32::MIN_POSITIVE || result.is_nan() {
        return result;
    }
    if result.abs() < f32::MIN_POSITIVE {
        return 0.0f32.copysign(result);
    }
    // The least normal number, perhaps only because subnormals are spaced twice as wide as numbers of this
    // size would be. It is right from half a narrow step below on. Near there the sum is exact in f64: 16
    // bits of product, multiples of 2^-149 in `c`.
    let edge = f64::from(f32::MIN_POSITIVE) * (1.0 - 0.5f64.powi(25));
    let tiny = (f64::from(a) * f64::from(b) + f64::from(c)).abs() < edge;
    if tiny { 0.0f32.copysign(result) } else { result }
}

/// Asks for nothing ahead.
pub(super) fn read(passes: &[[u8; READ]]) -> u64 {
    let mut sums = [0; 32];
    for half in passes.as_flattened().as_chunks::<256>().0 {
        for (sum, word) in sums.iter_mut().zip(half.as_chunks().0) {
            *sum ^= u64::from_le_bytes(*word);
        }
    }
    sums.into_iter().fold(0, |a, b| a ^ b)
}
