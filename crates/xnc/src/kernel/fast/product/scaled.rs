//! Activations that biases were taken to, for the loops that leave these out.

use super::Scale;
use crate::dtype::Dtype;
use crate::kernel::fast::row::coded;

impl Scale {
    /// Whether all words that have a code are exact.
    pub(super) fn suits(&self, upper: &[u8; 16]) -> bool {
        coded(upper).all(|upper| self.exact.contains(&upper))
    }

    /// Activations times their factors; none when one of them does not come out exact.
    pub(super) fn f32(&self, x: &[f32]) -> Option<Vec<f32>> {
        let exact = |(&x, &factor): (&f32, &f32)| {
            let scaled = x * factor;
            (scaled / factor == x || x.is_nan()).then_some(scaled)
        };
        x.iter().zip(&self.factors).map(exact).collect()
    }

    /// As [`Scale::f32`], with the arithmetic of `vdpbf16ps`: subnormals count as zero.
    pub(super) fn bf16(&self, x: &[u16]) -> Option<Vec<u16>> {
        let exact = |(&word, &factor): (&u16, &f32)| {
            let x = Dtype::Bf16.to_f32(word);
            let x = if x.is_subnormal() { 0.0f32.copysign(x) } else { x };
            let scaled = x * factor;
            let right = (scaled / factor == x && !scaled.is_subnormal()) || x.is_nan();
            right.then_some((scaled.to_bits() >> 16) as u16)
        };
        x.iter().zip(&self.factors).map(exact).collect()
    }
}
