//! Rotary positions (Su et al., "RoFormer", arXiv:2104.09864): pairs of values of a head turn by an angle that
//! grows with the position.

/// Which values of a head form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Values 2i and 2i + 1; what GGUF files of Llama's architecture are permuted for.
    Neighbours,
    /// Values i and i + n/2.
    Halves,
}

/// A rotation by position.
pub struct Rope {
    pairing: Pairing,
    /// Angle of each pair at position 1.
    angles: Vec<f32>,
}

impl Rope {
    /// A rotation of the first `rotated` values of each head.
    pub fn new(pairing: Pairing, rotated: usize, base: f32) -> Rope {
        let angle = |pair: usize| f64::from(base).powf(-2.0 * pair as f64 / rotated as f64) as f32;
        Rope { pairing, angles: (0..rotated / 2).map(angle).collect() }
    }

    /// Cosines and sines of a position, a pair after another.
    pub fn turn(&self, position: usize, out: &mut Vec<(f32, f32)>) {
        out.clear();
        out.extend(self.angles.iter().map(|angle| {
            let (sine, cosine) = (position as f32 * angle).sin_cos();
            (cosine, sine)
        }));
    }

    /// Rotates each head of `head_dim` values in `heads` by what [`Rope::turn`] wrote.
    pub fn rotate(&self, turn: &[(f32, f32)], heads: &mut [f32], head_dim: usize) {
        for head in heads.chunks_exact_mut(head_dim) {
            match self.pairing {
                Pairing::Neighbours => {
                    for ([a, b], turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turn) {
                        (*a, *b) = turned((*a, *b), *turn);
                    }
                }
                Pairing::Halves => {
                    let (left, right) = head.split_at_mut(turn.len());
                    for ((a, b), turn) in left.iter_mut().zip(right).zip(turn) {
                        (*a, *b) = turned((*a, *b), *turn);
                    }
                }
            }
        }
    }
}

fn turned((a, b): (f32, f32), (cosine, sine): (f32, f32)) -> (f32, f32) {
    (a * cosine - b * sine, a * sine + b * cosine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: pair `i` turns by `position * base^(-2i/n)`.
    fn naive(x: &[f32], position: usize, rotated: usize, base: f64, pairing: Pairing) -> Vec<f64> {
        let mut out: Vec<f64> = x.iter().map(|&x| x.into()).collect();
        for i in 0..rotated / 2 {
            let (a, b) = match pairing {
                Pairing::Neighbours => (2 * i, 2 * i + 1),
                Pairing::Halves => (i, i + rotated / 2),
            };
            let angle = position as f64 * base.powf(-2.0 * i as f64 / rotated as f64);
            let (x, y) = (out[a], out[b]);
            (out[a], out[b]) = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos());
        }
        out
    }

    #[test]
    fn as_defined() {
        let x: Vec<f32> = (0..8).map(|i| (i * i % 11) as f32 - 5.0).collect();
        for pairing in [Pairing::Neighbours, Pairing::Halves] {
            for (rotated, position) in [(8, 0), (8, 1), (8, 511), (6, 40)] {
                let rope = Rope::new(pairing, rotated, 10_000.0);
                let mut turn = Vec::new();
                rope.turn(position, &mut turn);
                let mut heads = [x.clone(), x.clone()].concat();
                rope.rotate(&turn, &mut heads, 8);
                let expected = naive(&x, position, rotated, 10_000.0, pairing);
                for (found, expected) in heads.iter().zip(expected.iter().chain(&expected)) {
                    assert!((f64::from(*found) - expected).abs() < 1e-3, "{pairing:?} {found} {expected}");
                }
            }
        }
    }
}
