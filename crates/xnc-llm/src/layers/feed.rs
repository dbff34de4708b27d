//! The gate of the feed-forward part.

use pulp::{Arch, NullaryFnOnce};

use super::exp::exp;

/// A gate's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// The Gaussian error linear unit by its tanh approximation (Hendrycks and Gimpel, arXiv:1606.08415), `x *
    /// sigmoid(2u)` with `u = sqrt(2/pi) * (x + 0.044715 x^3)`.
    Gelu,
}

/// For each pair of vectors in `both`, gate and up, `inner` values each: writes `activation(gate) * up`.
pub fn gate(activation: Activation, both: &[f32], inner: usize, out: &mut [f32]) {
    for (both, out) in both.chunks_exact(2 * inner).zip(out.chunks_exact_mut(inner)) {
        let (gate, up) = both.split_at(inner);
        Arch::new().dispatch(Gate { activation, gate, up, out });
    }
}

struct Gate<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Gate<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let each = self.out.iter_mut().zip(self.gate).zip(self.up);
        match self.activation {
            Activation::Silu => {
                for ((out, &x), up) in each {
                    *out = x / (1.0 + exp(-x)) * up;
                }
            }
            Activation::Gelu => {
                for ((out, &x), up) in each {
                    let steep = 2.0 * (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                    *out = x / (1.0 + exp(-steep)) * up;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_defined() {
        let x: Vec<f32> = (-80..=80).map(|i| i as f32 / 8.0).collect();
        let n = x.len();
        let up: Vec<f32> = (0..n).map(|i| (i % 5) as f32 - 2.0).collect();
        let both = [x.clone(), up.clone()].concat();
        let mut out = vec![0.0; n];
        for activation in [Activation::Silu, Activation::Gelu] {
            gate(activation, &both, n, &mut out);
            for i in 0..n {
                let x = f64::from(x[i]);
                let exact = match activation {
                    Activation::Silu => x / (1.0 + (-x).exp()),
                    Activation::Gelu => {
                        0.5 * x
                            * (1.0
                                + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
                    }
                };
                assert!((f64::from(out[i]) - exact * f64::from(up[i])).abs() < 1e-5);
            }
        }
    }
}
