//! Normalisation by the root mean square.

use super::lanes::dot;

/// Weights and epsilon of a norm.
pub struct Norm {
    /// A factor a value.
    pub weights: Vec<f32>,
    /// Added to the mean square.
    pub epsilon: f32,
}

impl Norm {
    /// Writes the normalised vectors of `x` into `out`.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        let dim = self.weights.len();
        for (x, out) in x.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
            let scale = rms(x, self.epsilon);
            for ((out, x), weight) in out.iter_mut().zip(x).zip(&self.weights) {
                *out = x * scale * weight;
            }
        }
    }

    /// As [`Norm::apply`], in place.
    pub fn apply_here(&self, x: &mut [f32]) {
        for x in x.chunks_exact_mut(self.weights.len()) {
            let scale = rms(x, self.epsilon);
            x.iter_mut().zip(&self.weights).for_each(|(x, weight)| *x *= scale * weight);
        }
    }
}

/// One over the root of the mean square and `epsilon`.
pub fn rms(x: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(x, x) / x.len() as f32 + epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_defined() {
        let norm = Norm { weights: vec![1.0, 2.0, 0.5, -1.0], epsilon: 1e-6 };
        let x = [3.0, -1.0, 2.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        let mut out = [0.0; 8];
        norm.apply(&x, &mut out);
        let root = ((9.0 + 1.0 + 4.0 + 0.25) / 4.0 + 1e-6f64).sqrt();
        for ((out, x), weight) in out.iter().zip(x).zip(&norm.weights) {
            assert!((f64::from(*out) - f64::from(x) / root * f64::from(*weight)).abs() < 1e-6);
        }
        assert_eq!(out[4..], [0.0; 4]);
        let mut here = x;
        norm.apply_here(&mut here);
        assert!(here.iter().zip(out).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
