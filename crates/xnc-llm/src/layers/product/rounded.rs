//! Activations rounded to 8 bits, once for every product that takes them, as llama.cpp rounds them on x86.

use half::f16;
use pulp::{Arch, NullaryFnOnce};

/// Activations of a block.
pub const BLOCK: usize = 32;

/// Added and taken away, it rounds to a whole number, ties to even; that then stands in the lowest bits.
const WHOLE: f32 = 12_582_912.0;

/// 32 activations.
#[derive(Clone, Copy, Default)]
pub struct Rounded {
    /// Four signed bytes each: what a row's four weights are multiplied with at a time.
    pub fours: [[i8; 4]; BLOCK / 4],
    /// What the bytes count.
    pub step: f32,
    /// Sum of the first 16 bytes, and of the others.
    pub sums: [i32; 2],
    /// Their sum times the step.
    pub total: f32,
}

/// Rounds each 32 by their largest. The step is kept in FP16, and so is the step times the sum
/// (`quantize_row_q8_1` of ggml).
pub fn blocks(x: &[f32], out: &mut Vec<Rounded>) {
    struct Each<'a>(&'a [f32], &'a mut Vec<Rounded>);
    impl NullaryFnOnce for Each<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            for (x, out) in self.0.as_chunks::<BLOCK>().0.iter().zip(self.1.iter_mut()) {
                let largest = largest(x);
                *out = Rounded::new(x, if largest > 0.0 { 127.0 / largest } else { 0.0 });
                out.step = largest / 127.0;
            }
        }
    }
    out.resize(x.len() / BLOCK, Rounded::default());
    Arch::new().dispatch(Each(x, out));
    let half = |x: f32| f16::from_f32(x).to_f32();
    for out in out {
        (out.total, out.step) = (half(out.step * out.sum() as f32), half(out.step));
    }
}

/// Rounds each 256 by their largest, which becomes -127 (`quantize_row_q8_K` of ggml).
pub fn superblocks(x: &[f32], out: &mut Vec<Rounded>) {
    struct Each<'a>(&'a [f32], &'a mut Vec<Rounded>);
    impl NullaryFnOnce for Each<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let all = self.0.as_chunks::<{ 8 * BLOCK }>().0.iter();
            for (x, out) in all.zip(self.1.as_chunks_mut::<8>().0) {
                let largest = largest(x);
                let mut positive = false;
                for x in x {
                    positive |= *x == largest;
                }
                let largest = if positive { largest } else { -largest };
                let steps = if largest == 0.0 { 0.0 } else { -127.0 / largest };
                for (x, out) in x.as_chunks::<BLOCK>().0.iter().zip(out) {
                    *out = Rounded::new(x, steps);
                    out.step = if largest == 0.0 { 0.0 } else { 1.0 / steps };
                }
            }
        }
    }
    out.resize(x.len() / BLOCK, Rounded::default());
    Arch::new().dispatch(Each(x, out));
}

/// The largest magnitude.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    // Magnitudes are ordered as their bits are.
    let mut largest = 0;
    for x in x {
        largest = largest.max(x.to_bits() & 0x7fff_ffff);
    }
    f32::from_bits(largest)
}

impl Rounded {
    /// `steps` bytes count 1.
    #[inline(always)]
    fn new(x: &[f32; BLOCK], steps: f32) -> Rounded {
        let mut out = Rounded::default();
        let mut whole = [0; BLOCK];
        for i in 0..BLOCK {
            whole[i] = (x[i] * steps + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits()) as i32;
        }
        for i in 0..BLOCK {
            out.fours[i / 4][i % 4] = whole[i] as i8;
        }
        for i in 0..BLOCK / 2 {
            out.sums[0] += whole[i];
            out.sums[1] += whole[i + BLOCK / 2];
        }
        out
    }

    /// Sum of all bytes.
    #[inline(always)]
    pub fn sum(&self) -> i32 {
        self.sums[0] + self.sums[1]
    }
}
