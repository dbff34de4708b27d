//! Which keys a row refers to, and with what weights.

use super::exact::{exp2, log2};
use super::neighbours::Innovations;
use crate::kernel::Backend;
use crate::kernel::dense::residual::{Head, REFS, WEIGHTS};
use crate::kernel::dense::similar::dot;

/// Singles around which pairs are tried.
const SEEDS: usize = 5;
/// Weights are multiples of this many 1/32: finer ones cost more bits than they save.
const WEIGHT_STEP: f32 = 2.0;

/// A row's choice: references with weights in units of innovations, and the residual's mean square that they leave.
#[derive(Clone)]
pub struct Choice {
    /// Rows referred to.
    pub refs: Vec<u32>,
    /// One weight each.
    pub weights: [f32; REFS],
    /// Mean square of what is left.
    pub square: f32,
}

/// A row that may be referred to.
pub struct Candidate<'a> {
    /// Its number.
    pub row: u32,
    /// Its innovations.
    pub innovations: &'a [i8],
}

/// What choosing is bound to.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Bits that a reference takes.
    pub cost: f32,
    /// References at most.
    pub most: usize,
}

/// The head of a row without references that left these innovations at first.
pub fn settled(backend: Backend, e: &[i8], scale: u8) -> Head {
    let square = (dot(backend, e, e) as f32).max(1.0) / e.len() as f32;
    // A lift is for rows whose references leave less than their innovations.
    Head { scale: number(square, scale).clamp(0.0, 127.0) as u8, ..Head::default() }
}

/// The number of the scale that residuals of this mean square have, in sixteenths of scale number `scale`.
fn number(square: f32, scale: u8) -> f32 {
    let octaves = 0.5 * log2(f64::from(square.max(0.01) / 256.0)) as f32;
    (f32::from(scale) + 8.0 * octaves).round()
}

/// Picks up to three of `candidates` by description length.
pub fn choose(e: &Innovations, own: &[i8], candidates: &[Candidate<'_>], limits: Limits) -> Choice {
    let dim = own.len() as f32;
    let energy = e.dot(own, own).max(1.0);
    let mut best = Choice { refs: Vec::new(), weights: [0.0; REFS], square: energy / dim };
    let with: Vec<(f32, f32)> = candidates
        .iter()
        .map(|c| (e.dot(own, c.innovations), e.dot(c.innovations, c.innovations).max(1.0)))
        .collect();
    let saved = |rest: f32| -0.5 * dim * log2(f64::from(rest.max(energy * 1e-4) / energy)) as f32;
    let mut bits = 0.0;
    let mut picked: Vec<usize> = Vec::new();
    let mut attempt = |set: &[usize]| {
        if set.len() > limits.most {
            return false;
        }
        let Some((weights, rest)) = solve(e, set, energy, &with, candidates) else { return false };
        let gain = saved(rest) - limits.cost * set.len() as f32;
        if gain > bits {
            bits = gain;
            best = Choice {
                refs: set.iter().map(|&i| candidates[i].row).collect(),
                weights,
                square: rest / dim,
            };
            return true;
        }
        false
    };
    for i in 0..with.len() {
        if attempt(&[i]) {
            picked = vec![i];
        }
    }
    for i in 0..with.len().min(SEEDS) {
        for j in i + 1..with.len() {
            if attempt(&[i, j]) {
                picked = vec![i, j];
            }
        }
    }
    if let [i, j] = picked[..] {
        for k in (0..with.len()).filter(|&k| k != i && k != j) {
            attempt(&[i, j, k]);
        }
    }
    best
}

/// Least squares by elimination: weights and the energy that is left; none where references say nearly the same.
fn solve(
    e: &Innovations,
    set: &[usize],
    energy: f32,
    with: &[(f32, f32)],
    all: &[Candidate<'_>],
) -> Option<([f32; REFS], f32)> {
    let n = set.len();
    let mut a = [[0f32; REFS + 1]; REFS];
    for r in 0..n {
        for c in 0..r {
            a[r][c] = e.dot(all[set[r]].innovations, all[set[c]].innovations);
            a[c][r] = a[r][c];
        }
        a[r][r] = with[set[r]].1;
        a[r][REFS] = with[set[r]].0;
    }
    for p in 0..n {
        if a[p][p] < 1e-3 * with[set[p]].1 {
            return None;
        }
        for r in p + 1..n {
            let factor = a[r][p] / a[p][p];
            for c in (p..n).chain([REFS]) {
                a[r][c] -= factor * a[p][c];
            }
        }
    }
    let mut weights = [0f32; REFS];
    let mut rest = energy;
    for p in (0..n).rev() {
        let later: f32 = (p + 1..n).map(|c| a[p][c] * weights[c]).sum();
        weights[p] = (a[p][REFS] - later) / a[p][p];
        rest -= weights[p] * with[set[p]].0;
    }
    Some((weights, rest))
}

/// The head that codes a row with this choice; `scale` is the number its innovations are measured in.
pub fn head(choice: &Choice, scale: u8) -> Head {
    let number = number(choice.square, scale).clamp(0.0, 127.0);
    let lift = ((f32::from(scale) - number) / 8.0).round().clamp(0.0, 7.0);
    let rescale = exp2(f64::from((f32::from(scale) - number) / 8.0 - lift)) as f32;
    let mut weights = [0i8; REFS];
    let mut left = WEIGHTS;
    for (w, c) in weights.iter_mut().zip(choice.weights) {
        let most = left.min(i32::from(i8::MAX)) as f32;
        *w = ((c * 32.0 * rescale / WEIGHT_STEP).round() * WEIGHT_STEP).clamp(-most, most) as i8;
        left -= i32::from(*w).abs();
    }
    Head { scale: number as u8, lift: lift as u8, weights }
}
