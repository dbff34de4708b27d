//! Causal attention with grouped heads over a cache of keys and values.

use std::convert::Infallible;

use super::exp::exp;
use super::lanes::{add_scaled, dot};
use crate::threads;

/// Multiplications below which waking other threads takes longer than the work.
const ALONE: usize = 1 << 15;

/// Keys and values of the positions so far, one layer's.
pub struct Cache {
    keys: Vec<f32>,
    values: Vec<f32>,
    capacity: usize,
    head_dim: usize,
}

impl Cache {
    /// Room for `capacity` positions.
    pub fn new(kv_heads: usize, head_dim: usize, capacity: usize) -> Cache {
        let empty = || vec![0.0; kv_heads * head_dim * capacity];
        Cache { keys: empty(), values: empty(), capacity, head_dim }
    }

    /// Keeps the keys and values of a position, a head after another.
    pub fn keep(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let dim = self.head_dim;
        for (head, (key, value)) in keys.chunks_exact(dim).zip(values.chunks_exact(dim)).enumerate() {
            let at = (head * self.capacity + position) * dim;
            self.keys[at..at + dim].copy_from_slice(key);
            self.values[at..at + dim].copy_from_slice(value);
        }
    }

    /// Keys and values of a head at positions `from..to`.
    fn span(&self, head: usize, from: usize, to: usize) -> (&[f32], &[f32]) {
        let first = head * self.capacity;
        let span = (first + from) * self.head_dim..(first + to) * self.head_dim;
        (&self.keys[span.clone()], &self.values[span])
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
    /// Attention of consecutive positions from `first` on, whose keys and values are in the cache. `queries` has `stride` values a
    /// position, the heads' queries in front; `out` becomes `heads * head_dim` a position.
    pub fn apply(&self, cache: &Cache, first: usize, queries: &[f32], stride: usize, out: &mut [f32]) {
        let dim = self.head_dim;
        let work = |number: usize, out: &mut [f32]| {
            let (step, head) = (number / self.heads, number % self.heads);
            let at = step * stride + head * dim;
            self.head(cache, first + step, head, &queries[at..at + dim], out);
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

    fn head(&self, cache: &Cache, position: usize, head: usize, query: &[f32], out: &mut [f32]) {
        let from = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
        let (keys, values) = cache.span(head / (self.heads / self.kv_heads), from, position + 1);
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        let mut weights: Vec<f32> =
            keys.chunks_exact(self.head_dim).map(|key| dot(query, key) * scale).collect();
        let largest = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        weights.iter_mut().for_each(|weight| *weight = exp(*weight - largest));
        let total: f32 = weights.iter().sum();
        out.fill(0.0);
        for (weight, value) in weights.iter().zip(values.chunks_exact(self.head_dim)) {
            add_scaled(out, weight / total, value);
        }
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
        let mut cache = Cache::new(kv_heads, dim, positions);
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
