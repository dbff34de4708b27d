//! Activations rounded to 8 bits, once for every product that takes them.
//!
//! As llama.cpp rounds them (`quantize_row_q8_1` of ggml-quants.c, its x86 way): by 127 over the block's largest, ties to even; the
//! step is kept in FP16, and so is the step times the sum, which offsets are multiplied with.

use half::f16;

/// Activations that share a step.
pub const BLOCK: usize = 32;

/// Added and taken away, it rounds to a whole number, which then stands in the lowest bits.
const WHOLE: f32 = 12_582_912.0;

/// 32 activations.
#[derive(Clone, Copy, Default)]
pub struct Rounded {
    /// Four signed bytes each: what a row's four weights are multiplied with at a time.
    pub fours: [[i8; 4]; BLOCK / 4],
    /// What the bytes count.
    pub step: f32,
    /// The bytes' sum.
    pub sum: i32,
    /// Their sum times the step.
    pub total: f32,
}

/// Rounds whole blocks.
pub fn round(x: &[f32], out: &mut Vec<Rounded>) {
    out.clear();
    out.extend(x.as_chunks::<BLOCK>().0.iter().map(Rounded::new));
}

impl Rounded {
    #[inline(always)]
    fn new(x: &[f32; BLOCK]) -> Rounded {
        let mut lanes = [0.0f32; 8];
        for eight in x.as_chunks::<8>().0 {
            for (lane, x) in lanes.iter_mut().zip(eight) {
                *lane = if x.abs() > *lane { x.abs() } else { *lane };
            }
        }
        let largest = lanes.iter().fold(0.0f32, |largest, &lane| if lane > largest { lane } else { largest });
        let steps = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let mut sums = [0; 8];
        let mut bytes = [0; BLOCK];
        for (bytes, x) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(x.as_chunks::<8>().0) {
            for ((byte, x), sum) in bytes.iter_mut().zip(x).zip(&mut sums) {
                let whole = (x * steps + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits()) as i8;
                *byte = whole;
                *sum += i32::from(whole);
            }
        }
        let sum: i32 = sums.iter().sum();
        let half = |x: f32| f16::from_f32(x).to_f32();
        let step = largest / 127.0;
        let mut fours = [[0; 4]; BLOCK / 4];
        fours.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(four, bytes)| *four = *bytes);
        Rounded { fours, step: half(step), sum, total: half(step * sum as f32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_defined() {
        let mut x: Vec<f32> = (0..96).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
        x[64..].fill(0.0);
        let mut out = Vec::new();
        round(&x, &mut out);
        assert_eq!(out.len(), 3);
        for (x, block) in x.chunks(BLOCK).zip(&out) {
            let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            let expected: Vec<i32> = x
                .iter()
                .map(|x| if largest == 0.0 { 0 } else { (x * (127.0 / largest)).round_ties_even() as i32 })
                .collect();
            let found: Vec<i32> = block.fours.concat().iter().map(|&byte| i32::from(byte)).collect();
            assert_eq!(found, expected);
            assert_eq!(block.sum, expected.iter().sum::<i32>());
            assert_eq!(block.step, f16::from_f32(largest / 127.0).to_f32());
            assert!((block.total - block.step * block.sum as f32).abs() <= block.total.abs() * 2e-3);
        }
    }
}
