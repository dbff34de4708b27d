//! Causal attention with grouped heads over a cache of keys and values.

use std::convert::Infallible;
use std::ops::Range;

use half::f16;
use pulp::{Arch, NullaryFnOnce};

use super::exp::exp;
use super::lanes::{LANES, add_four};
use crate::threads;

/// Multiplications below which waking other threads takes longer than the work.
const ALONE: usize = 1 << 15;

/// What is kept of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What FP16 holds of them, as llama.cpp does: with F32 all five of SmolLM2's texts in its record parted
    /// from it, with FP16 two.
    Rounded,
    /// All bits.
    Exact,
}

/// Keys and values of the positions so far, one layer's.
pub struct Cache {
    /// A head after another; in it, for each run of positions, the first value of each key, then the second:
    /// scores of as many positions are sums side by side.
    keys: Vec<[f32; LANES]>,
    /// A head after another, a position after another.
    values: Vec<f32>,
    runs: usize,
    head_dim: usize,
    kept: Kept,
}

impl Cache {
    /// Room for `capacity` positions.
    pub fn new(kv_heads: usize, head_dim: usize, capacity: usize, kept: Kept) -> Cache {
        let runs = capacity.div_ceil(LANES);
        let lanes = kv_heads * runs * head_dim;
        Cache { keys: vec![[0.0; LANES]; lanes], values: vec![0.0; lanes * LANES], runs, head_dim, kept }
    }

    /// Keeps the keys and values of a position, a head after another.
    pub fn keep(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let dim = self.head_dim;
        let round = |x: &f32| match self.kept {
            Kept::Rounded => f16::from_f32(*x).to_f32(),
            Kept::Exact => *x,
        };
        let (run, lane) = (position / LANES, position % LANES);
        for (head, (key, value)) in keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate() {
            let first = (head * self.runs + run) * dim;
            for (lanes, key) in self.keys[first..first + dim].iter_mut().zip(key) {
                lanes[lane] = round(key);
            }
            let kept = &mut self.values[first * LANES + lane * dim..][..dim];
            kept.iter_mut().zip(value).for_each(|(kept, value)| *kept = round(value));
        }
    }

    /// Keys and values of a head in some runs.
    fn span(&self, head: usize, runs: Range<usize>) -> (&[[f32; LANES]], &[f32]) {
        let first = head * self.runs;
        let span = (first + runs.start) * self.head_dim..(first + runs.end) * self.head_dim;
        (&self.keys[span.clone()], &self.values[span.start * LANES..span.end * LANES])
    }
}

/// Which heads there are, and what they see.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves as many query heads in a row.
    pub kv_heads: usize,
    /// Length of a head's vectors.
    pub head_dim: usize,
    /// Positions that are seen, the own among them; none for all.
    pub window: Option<usize>,
}

impl Attention {
    /// Attention of consecutive positions from `first` on, whose keys and values are in the cache. `queries`
    /// has `stride` values a position, the heads' queries in front; `out` becomes `heads * head_dim` a position.
    pub fn apply(&self, cache: &Cache, first: usize, queries: &[f32], stride: usize, out: &mut [f32]) {
        let dim = self.head_dim;
        let work = |number: usize, out: &mut [f32]| {
            let (step, head) = (number / self.heads, number % self.heads);
            let query = &queries[step * stride + head * dim..][..dim];
            let position = first + step;
            let from = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
            let runs = from / LANES..position / LANES + 1;
            let seen = from - runs.start * LANES..position + 1 - runs.start * LANES;
            let (keys, values) = cache.span(head / (self.heads / self.kv_heads), runs);
            Arch::new().dispatch(Head { query, keys, values, seen, out });
            Ok::<(), Infallible>(())
        };
        let seen = self.window.unwrap_or(usize::MAX).min(first + 1);
        let done = if 2 * seen * out.len() < ALONE {
            out.chunks_exact_mut(dim).enumerate().try_for_each(|(number, out)| work(number, out))
        } else {
            threads::for_each_piece(out, dim, work)
        };
        let Ok(()) = done;
    }
}

/// One head at one position.
struct Head<'a> {
    query: &'a [f32],
    keys: &'a [[f32; LANES]],
    values: &'a [f32],
    /// Which of the positions count.
    seen: Range<usize>,
    out: &'a mut [f32],
}

impl NullaryFnOnce for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Head { query, keys, values, seen, out } = self;
        let dim = query.len();
        let scale = 1.0 / (dim as f32).sqrt();
        let mut weights = vec![[0.0; LANES]; keys.len() / dim];
        for (weights, keys) in weights.iter_mut().zip(keys.chunks_exact(dim)) {
            *weights = scores(query, keys, scale);
        }
        let all = weights.as_flattened_mut();
        all[..seen.start].fill(f32::NEG_INFINITY);
        all[seen.end..].fill(f32::NEG_INFINITY);
        let mut largest = [f32::NEG_INFINITY; LANES];
        for weights in &weights {
            for lane in 0..LANES {
                largest[lane] = if weights[lane] > largest[lane] { weights[lane] } else { largest[lane] };
            }
        }
        let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let mut totals = [0.0; LANES];
        for weights in &mut weights {
            for lane in 0..LANES {
                let weight = exp(weights[lane] - largest);
                weights[lane] = if weights[lane] == f32::NEG_INFINITY { 0.0 } else { weight };
                totals[lane] += weights[lane];
            }
        }
        out.fill(0.0);
        let fours = weights.as_flattened().as_chunks::<4>().0;
        let first = seen.start / 4;
        for (weights, values) in
            fours.iter().zip(values.chunks_exact(4 * dim)).take(seen.end.div_ceil(4)).skip(first)
        {
            add_four(out, *weights, values);
        }
        let share = 1.0 / totals.iter().sum::<f32>();
        for out in out {
            *out *= share;
        }
    }
}

/// Products of a query with the keys of a run.
#[inline(always)]
fn scores(query: &[f32], keys: &[[f32; LANES]], scale: f32) -> [f32; LANES] {
    // Sums in turn: one would wait for itself.
    let ([mut a, mut b, mut c, mut d], mut rest) = ([[0.0; LANES]; 4], [0.0; LANES]);
    let ((queries, last_queries), (keys, last_keys)) = (query.as_chunks::<4>(), keys.as_chunks::<4>());
    for (query, keys) in queries.iter().zip(keys) {
        add_scaled(&mut a, query[0], &keys[0]);
        add_scaled(&mut b, query[1], &keys[1]);
        add_scaled(&mut c, query[2], &keys[2]);
        add_scaled(&mut d, query[3], &keys[3]);
    }
    for (query, keys) in last_queries.iter().zip(last_keys) {
        add_scaled(&mut rest, *query, keys);
    }
    let mut sum = [0.0; LANES];
    for lane in 0..LANES {
        sum[lane] = ((a[lane] + b[lane]) + (c[lane] + d[lane]) + rest[lane]) * scale;
    }
    sum
}

#[inline(always)]
fn add_scaled(out: &mut [f32; LANES], factor: f32, x: &[f32; LANES]) {
    for lane in 0..LANES {
        out[lane] += factor * x[lane];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: usize, length: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    #[test]
    fn as_defined() {
        let (heads, kv_heads, dim, positions) = (6, 2, 8, 40);
        let keys: Vec<Vec<f32>> = (0..positions).map(|p| noise(p, kv_heads * dim)).collect();
        let values: Vec<Vec<f32>> = (0..positions).map(|p| noise(p + 100, kv_heads * dim)).collect();
        let mut cache = Cache::new(kv_heads, dim, positions, Kept::Exact);
        for p in 0..positions {
            cache.keep(p, &keys[p], &values[p]);
        }
        let (stride, first) = (heads * dim + 3, 5);
        let queries = noise(1000, (positions - first) * stride);
        for window in [None, Some(1), Some(7), Some(1000)] {
            let attention = Attention { heads, kv_heads, head_dim: dim, window };
            let mut out = vec![0.0; (positions - first) * heads * dim];
            attention.apply(&cache, first, &queries, stride, &mut out);
            for p in first..positions {
                for h in 0..heads {
                    let query = &queries[(p - first) * stride + h * dim..][..dim];
                    let g = h / 3 * dim;
                    let seen: Vec<usize> =
                        (0..=p).filter(|q| window.is_none_or(|window| p - q < window)).collect();
                    let score = |q: &usize| {
                        let sum: f64 = (0..dim).map(|i| f64::from(query[i] * keys[*q][g + i])).sum();
                        (sum / (dim as f64).sqrt()).exp()
                    };
                    let total: f64 = seen.iter().map(score).sum();
                    for i in 0..dim {
                        let exact: f64 =
                            seen.iter().map(|q| score(q) / total * f64::from(values[*q][g + i])).sum();
                        let found = out[(p - first) * heads * dim + h * dim + i];
                        assert!(
                            (f64::from(found) - exact).abs() < 1e-5,
                            "{window:?} {p} {h} {found} {exact}"
                        );
                    }
                }
            }
        }
    }
}
