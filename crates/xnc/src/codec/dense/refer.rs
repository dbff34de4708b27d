//! Which keys a row refers to, and with what weights.
use super::select::dot;
use crate::kernel::residual::{Head, REFS};

/// A row's choice: references with weights in units of innovations, and the residual's mean square that they leave.
pub struct Choice {
    /// Rows referred to.
    pub refs: Vec<u32>,
    /// One weight each.
    pub weights: [f32; REFS],
    /// Mean square of what is left.
    pub square: f32,
}

/// Picks none, one or two of `candidates` (row, innovations) by description length; `cost` is what one reference takes.
pub fn choose(own: &[i8], candidates: &[(u32, &[i8])], cost: f32, most: usize) -> Choice {
    let dim = own.len() as f32;
    let energy = dot(own, own).max(1.0);
    let mut best = Choice { refs: vec![], weights: [0.0; REFS], square: energy / dim };
    let mut bits = 0.0;
    let with: Vec<(f32, f32)> = candidates.iter().map(|(_, e)| (dot(own, e), dot(e, e).max(1.0))).collect();
    let saved = |rest: f32| -0.5 * dim * (rest.max(energy * 1e-4) / energy).log2();
    for (i, &(a, aa)) in with.iter().enumerate() {
        let rest = energy - a * a / aa;
        let gain = saved(rest) - cost;
        if gain > bits {
            bits = gain;
            best = Choice { refs: vec![candidates[i].0], weights: [a / aa, 0.0], square: rest / dim };
        }
    }
    if most < 2 {
        return best;
    }
    // Pairs around the best few singles.
    for i in 0..with.len().min(4) {
        for j in i + 1..with.len() {
            let ((a, aa), (b, bb)) = (with[i], with[j]);
            let ab = dot(candidates[i].1, candidates[j].1);
            let det = aa * bb - ab * ab;
            if det < 1e-3 * aa * bb {
                continue;
            }
            let (x, y) = ((a * bb - b * ab) / det, (b * aa - a * ab) / det);
            let rest = energy - x * a - y * b;
            let gain = saved(rest) - 2.0 * cost;
            if gain > bits {
                bits = gain;
                best = Choice {
                    refs: vec![candidates[i].0, candidates[j].0],
                    weights: [x, y],
                    square: rest / dim,
                };
            }
        }
    }
    best
}

/// The head that codes a row with this choice; `scale` is the number its innovations are measured in.
pub fn head(choice: &Choice, scale: u8) -> Head {
    // Innovations are sixteenths of a scale.
    let octaves = 0.5 * (choice.square.max(0.01) / 256.0).log2();
    let number = (scale as f32 + 8.0 * octaves).round().clamp(0.0, 127.0);
    let lift = ((scale as f32 - number) / 8.0).round().clamp(0.0, 7.0);
    let rescale = 2f32.powf((scale as f32 - number) / 8.0 - lift);
    let mut weights = [0; REFS];
    for (w, c) in weights.iter_mut().zip(choice.weights) {
        *w = (c * 32.0 * rescale).round().clamp(-127.0, 127.0) as i8;
    }
    Head { scale: number as u8, lift: lift as u8, weights }
}
