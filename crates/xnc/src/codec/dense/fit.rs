//! Estimates what all rows share. Floating point is free here: a decoder never repeats it. [`super::exact`]
//! has what is not one of the operations that every machine does alike.

use std::f64::consts::LOG2_E;

use rayon::prelude::*;

use super::covariance::{cholesky, covariance};
use super::exact::{exp2, log2, octave, power_of_two};
use super::model::{Model, PREDICTED};
use super::symbols::Symbols;
use crate::dtype::Dtype;
use crate::kernel::dense::residual::{Column, PIECES};

/// Octaves between scale number 0 and the median row.
const MIDDLE: i32 = 8;
/// Rows per unit of parallel work; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 512;
/// Most rows that the covariance is taken from.
const SAMPLE: usize = 1 << 16;
/// Rows that medians are taken over.
const MEDIANS: usize = 2048;
/// Deviations beyond which a word says nothing about its row and column.
const OUTLIER: f32 = 64.0;
/// Largest value of a row scale, and the reciprocal of the smallest.
const EXTREME: f64 = 1e30;

/// Parts of the model, each of which a table may do without.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Column means.
    pub means: bool,
    /// Prediction from a row's earlier dimensions.
    pub prediction: bool,
}

/// A model, and each row's scale number before prediction; none for rows of equal words.
pub struct Fit {
    /// The model; its distributions are still to be counted.
    pub model: Model,
    /// By row.
    pub scales: Vec<Option<u8>>,
}

/// A table with its columns' means and scales and its rows' scales taken out.
pub struct Normal<'a> {
    words: &'a [u16],
    dtype: Dtype,
    /// Words in a row.
    pub dim: usize,
    mean: Vec<f32>,
    scale: Vec<f32>,
    row_scale: Vec<f32>,
}

impl Normal<'_> {
    /// Normalised values of a row; not finite where a word is not.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        let k = 1.0 / self.row_scale[row];
        let columns = self.mean.iter().zip(&self.scale);
        self.words(row).iter().zip(columns).map(move |(&w, (m, s))| (self.value(w) - m) / s * k)
    }

    /// The value of a word; NaN where it is not finite.
    fn value(&self, word: u16) -> f32 {
        let value = self.dtype.to_f32(word);
        if value.is_finite() { value } else { f32::NAN }
    }

    fn words(&self, row: usize) -> &[u16] {
        &self.words[row * self.dim..][..self.dim]
    }

    /// Column sums, weighted by the rows' scales: weight, value, square, both about the current mean.
    fn columns(&self, live: &[bool]) -> Vec<[f64; 3]> {
        let parts: Vec<Vec<[f64; 3]>> = live
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(c, live)| {
                let mut sums = vec![[0f64; 3]; self.dim];
                for r in (0..live.len()).filter(|&i| live[i]).map(|i| c * CHUNK + i) {
                    let k = 1.0 / self.row_scale[r];
                    let columns = self.mean.iter().zip(&self.scale);
                    for ((s, &w), (&m, &scale)) in sums.iter_mut().zip(self.words(r)).zip(columns) {
                        let far = OUTLIER * scale;
                        let t = (self.value(w) - m) * k;
                        if t.abs() <= far {
                            *s = [s[0] + f64::from(k * k), s[1] + f64::from(t * k), s[2] + f64::from(t * t)];
                        }
                    }
                }
                sums
            })
            .collect();
        let mut all = vec![[0f64; 3]; self.dim];
        for part in &parts {
            all.iter_mut().zip(part).for_each(|(a, s)| *a = [a[0] + s[0], a[1] + s[1], a[2] + s[2]]);
        }
        all
    }

    /// First scales of the columns: medians over a sample, which a few wild words do not move.
    fn medians(&mut self, live: &[bool]) {
        let alive: Vec<usize> = (0..live.len()).filter(|&r| live[r]).collect();
        let n = alive.len().min(MEDIANS);
        let median = |j: usize| {
            let value = |i: usize| self.value(self.words(alive[i * alive.len() / n])[j]).abs();
            let mut values: Vec<f32> = (0..n).map(value).filter(|v| v.is_finite()).collect();
            values.sort_by(f32::total_cmp);
            match values.get(values.len() / 2) {
                Some(&v) if v > 0.0 => v,
                _ => values.last().copied().unwrap_or(1.0).max(1e-30),
            }
        };
        self.scale = (0..self.dim).into_par_iter().map(median).collect();
    }

    /// Alternates between columns and rows until both have settled.
    fn settle(&mut self, live: &[bool], means: bool) {
        let count = live.iter().filter(|&&l| l).count().max(1) as f64;
        for turn in 0..4 {
            for (j, [weight, value, square]) in self.columns(live).into_iter().enumerate() {
                let step = if means && weight > 0.0 { value / weight } else { 0.0 };
                self.mean[j] += step as f32;
                self.scale[j] = (((square - value * step) / count).max(0.0).sqrt() as f32).max(1e-30);
            }
            if turn == 3 {
                return;
            }
            let row_scale = |(r, &live): (usize, &bool)| {
                let columns = self.mean.iter().zip(&self.scale);
                let t =
                    self.words(r).iter().zip(columns).map(|(&w, (m, s))| f64::from((self.value(w) - m) / s));
                let (sum, n) = t
                    .filter(|t| t.abs() <= f64::from(OUTLIER))
                    .fold((0f64, 0), |(sum, n), t| (sum + t * t, n + 1));
                if n == 0 || !live {
                    1.0
                } else {
                    (sum / f64::from(n)).sqrt().clamp(1.0 / EXTREME, EXTREME) as f32
                }
            };
            self.row_scale = live.par_iter().enumerate().map(row_scale).collect();
        }
    }
}

/// Fits a model of the parts that are asked for.
pub fn fit(words: &[u16], dim: usize, dtype: Dtype, parts: Parts) -> Fit {
    let rows = words.len() / dim;
    let live: Vec<bool> = words.par_chunks_exact(dim).map(|r| r.iter().any(|&w| w != r[0])).collect();
    let (mean, scale, row_scale) = (vec![0f32; dim], vec![1f32; dim], vec![1f32; rows]);
    let mut normal = Normal { words, dtype, dim, mean, scale, row_scale };
    normal.medians(&live);
    normal.settle(&live, parts.means);
    let alive: Vec<usize> = (0..rows).filter(|&r| live[r]).collect();
    let prediction =
        (parts.prediction && alive.len() > dim && dim <= PREDICTED).then(|| predict(&alive, &normal));
    let (own, coef) = prediction.flatten().unwrap_or_else(|| (vec![1.0; dim], Vec::new()));
    let mut scales: Vec<f32> = alive.iter().map(|&r| normal.row_scale[r]).collect();
    scales.sort_by(f32::total_cmp);
    let median = scales.get(scales.len() / 2).copied().unwrap_or(1.0);
    let shift = precision(alive.len());
    let mut stored = Vec::with_capacity(coef.len());
    let mut rest = &coef[..];
    let columns = (0..dim).map(|j| {
        let (row, more) = rest.split_at(j.min(rest.len()));
        rest = more;
        let top = row.iter().fold(0f32, |top, c| top.max(c.abs()));
        let shift = (0..=shift).rev().find(|&s| top * (1 << s) as f32 <= 127.0).unwrap_or(0);
        stored.extend(row.iter().map(|c| (c * (1 << shift) as f32).round() as i8));
        let sigma = f64::from(normal.scale[j]) * own[j] * f64::from(median);
        column(dtype, f64::from(normal.mean[j]), sigma * power_of_two(-MIDDLE), shift)
    });
    let columns = columns.collect();
    let number = |r: usize| {
        let octaves = log2(f64::from(normal.row_scale[r]) / f64::from(median)) as f32 + MIDDLE as f32;
        (8.0 * octaves).round().clamp(0.0, 127.0) as u8
    };
    let scales = (0..rows).map(|r| live[r].then(|| number(r))).collect();
    let even = Symbols::fit(&[1; 256]);
    let (kinds, weights) = (even.clone(), even.clone());
    let mantissa = dtype.mantissa_bits();
    let model = Model { mantissa, columns, coef: stored, pieces: gaussian(), kinds, scales: even, weights };
    Fit { model, scales }
}

/// Scales of the innovations and coefficients of each dimension on those before it.
fn predict(alive: &[usize], normal: &Normal<'_>) -> Option<(Vec<f64>, Vec<f32>)> {
    let dim = normal.dim;
    let n = alive.len().min(SAMPLE);
    let sample: Vec<usize> = (0..n).map(|i| alive[i * alive.len() / n]).collect();
    let mut factor = covariance(&sample, normal);
    // A little less trust in what few rows say.
    let trust = n as f64 / (n as f64 + 0.02 * dim as f64);
    for (i, c) in factor.iter_mut().enumerate() {
        *c = if i % dim == i / dim { *c + 1e-6 } else { *c * trust };
    }
    cholesky(&mut factor, dim).then(|| {
        let own: Vec<f64> = (0..dim).map(|j| factor[j * dim + j]).collect();
        let coef = (0..dim).flat_map(|j| factor[j * dim..][..j].iter().map(move |c| (c, j)));
        let coef = coef.map(|(c, j)| (c / own[j]) as f32).collect();
        (own, coef)
    })
}

/// Fraction bits of the coefficients: one more must save more in the rows than it costs.
fn precision(rows: usize) -> u8 {
    (4..7).find(|&bits| rows as f64 * 0.045 * power_of_two(-2 * bits) < 1.0).unwrap_or(7) as u8
}

fn column(dtype: Dtype, mean: f64, sigma: f64, shift: u8) -> Column {
    let bias = dtype.bias();
    let octave = octave(sigma.clamp(1e-300, 1e300));
    let scale = ((sigma / power_of_two(octave) * 4096.0).round() as u16).clamp(4096, 8191);
    let unit = (octave - 12 + bias).clamp(-4096, 4096);
    let mean = (mean * power_of_two(bias - unit)).round().clamp(-1e9, 1e9) as i32;
    Column { mean, unit: unit as i16, scale, shift }
}

fn gaussian() -> [u16; PIECES + 1] {
    let density = |at: f64| exp2(-0.5 * LOG2_E * at * at);
    pieces(&std::array::from_fn(|k| density((k as f64 + 0.5) / 8.0) + 1e-5))
}

/// Cumulative slots from the weights of the pieces; each piece keeps at least one.
pub fn pieces(weights: &[f64; PIECES]) -> [u16; PIECES + 1] {
    let total = weights.iter().sum::<f64>().max(1e-300);
    let (mut out, mut sum) = ([0u16; PIECES + 1], 0.0);
    for (k, w) in weights.iter().enumerate() {
        sum += w;
        out[k + 1] = (sum / total * (32760 - PIECES) as f64) as u16 + k as u16 + 1;
    }
    out
}
