//! A table with its columns' means and scales and its rows' scales taken out.

use std::ops::Range;

use rayon::prelude::*;

use super::encode::Table;
use super::exact::{exp2, log2};
use crate::codec::TableShape;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::{Backend, widen};

/// Octaves between scale number 0 and the median row.
pub const MIDDLE: i32 = 8;
/// Rows per unit of parallel work; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 512;
/// Rows that medians are taken over.
const MEDIANS: usize = 2048;
/// Deviations beyond which a word says nothing about its row and column.
const OUTLIER: f32 = 64.0;
/// Largest value of a row scale, and the reciprocal of the smallest.
const EXTREME: f64 = 1e30;
/// Partial sums along a row.
const LANES: usize = 8;

/// Some rows of a table, spread over it, whose words are not all equal.
pub struct Sample {
    /// Their words.
    pub words: Vec<u16>,
    /// Their values; NaN where one is not finite.
    values: Vec<f32>,
    dim: usize,
    dtype: Dtype,
}

impl Sample {
    /// Those of the rows `ids` that words of more than one kind fill.
    pub fn read(table: Table<'_>, ids: &[usize]) -> Result<Sample> {
        let Table { backend, shape: TableShape { dim, dtype, .. }, .. } = table;
        let parts = ids.par_chunks(CHUNK).map(|ids| {
            let part = table.take(ids)?;
            let live = part.chunks_exact(dim).filter(|row| !is_constant(row));
            Ok(live.flatten().copied().collect::<Vec<u16>>())
        });
        let words = parts.collect::<Result<Vec<_>>>()?.concat();
        let mut values = vec![0.0; words.len()];
        words.par_chunks(CHUNK * dim).zip(values.par_chunks_mut(CHUNK * dim)).for_each(|(words, values)| {
            finite(backend, dtype, words, values);
        });
        Ok(Sample { words, values, dim, dtype })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.words.len() / self.dim
    }

    /// Words of up to `most` rows, spread over them.
    pub fn words_of(&self, most: usize) -> Vec<u16> {
        let n = self.rows().min(most);
        (0..n).flat_map(|i| &self.words[i * self.rows() / n * self.dim..][..self.dim]).copied().collect()
    }
}

/// Whether one word fills a row.
pub fn is_constant(row: &[u16]) -> bool {
    row.iter().all(|&word| word == row[0])
}

/// The values of words; NaN where one is not finite.
fn finite(backend: Backend, dtype: Dtype, words: &[u16], values: &mut [f32]) {
    widen::to_f32(backend, dtype, words, values);
    for v in values {
        *v = if v.is_finite() { *v } else { f32::NAN };
    }
}

/// What is taken out of every word.
#[derive(Clone)]
pub struct Normal {
    backend: Backend,
    dtype: Dtype,
    /// Column means.
    pub mean: Vec<f32>,
    /// Column scales.
    pub scale: Vec<f32>,
    reciprocal: Vec<f32>,
    /// Scale of the median row.
    pub median: f32,
}

impl Normal {
    /// Alternates between columns and rows until both have settled. Without `means`, those of all columns are zero.
    pub fn new(backend: Backend, sample: &Sample, means: bool) -> Normal {
        let dim = sample.dim;
        let scale = medians(sample);
        let (mean, dtype) = (vec![0.0; dim], sample.dtype);
        let mut normal = Normal { backend, dtype, mean, scale, reciprocal: Vec::new(), median: 1.0 };
        normal.invert();
        let count = sample.rows().max(1) as f64;
        let mut row_scale = vec![1f32; sample.rows()];
        for turn in 0..4 {
            for (j, [weight, value, square]) in normal.columns(sample, &row_scale).into_iter().enumerate() {
                let step = if means && weight > 0.0 { value / weight } else { 0.0 };
                normal.mean[j] += step as f32;
                normal.scale[j] = (((square - value * step) / count).max(0.0).sqrt() as f32).max(1e-30);
            }
            normal.invert();
            if turn < 3 {
                row_scale = normal.row_scales(sample);
            }
        }
        row_scale.sort_by(f32::total_cmp);
        normal.median = row_scale.get(row_scale.len() / 2).copied().unwrap_or(1.0);
        normal
    }

    fn invert(&mut self) {
        self.reciprocal = self.scale.iter().map(|s| 1.0 / s).collect();
    }

    /// Column sums, weighted by the rows' scales: weight, value, square, both about the current mean.
    fn columns(&self, sample: &Sample, row_scale: &[f32]) -> Vec<[f64; 3]> {
        let dim = sample.dim;
        let far: Vec<f32> = self.scale.iter().map(|s| OUTLIER * s).collect();
        let rows = row_scale.par_chunks(CHUNK).zip(sample.values.par_chunks(CHUNK * dim));
        let parts = rows.map(|(scales, values)| {
            let mut sums = vec![[0f32; 3]; dim];
            for (scale, values) in scales.iter().zip(values.chunks_exact(dim)) {
                let k = 1.0 / scale;
                let columns = self.mean.iter().zip(&far);
                for ((s, &v), (&m, &far)) in sums.iter_mut().zip(values).zip(columns) {
                    let t = (v - m) * k;
                    let near = t.abs() <= far;
                    let (weight, t) = if near { (k, t) } else { (0.0, 0.0) };
                    *s = [s[0] + weight * k, s[1] + t * k, s[2] + t * t];
                }
            }
            sums
        });
        let mut all = vec![[0f64; 3]; dim];
        for part in parts.collect::<Vec<_>>() {
            for (a, s) in all.iter_mut().zip(part) {
                a.iter_mut().zip(s).for_each(|(a, s)| *a += f64::from(s));
            }
        }
        all
    }

    /// Root mean square of a row's normalised values.
    fn row_scale(&self, values: &[f32]) -> f32 {
        let (mut sums, mut counts) = ([0f32; LANES], [0f32; LANES]);
        let columns = self.mean.chunks(LANES).zip(self.reciprocal.chunks(LANES));
        for (values, (means, scales)) in values.chunks(LANES).zip(columns) {
            for (i, ((v, m), r)) in values.iter().zip(means).zip(scales).enumerate() {
                let t = (v - m) * r;
                let near = t.abs() <= OUTLIER;
                sums[i] += if near { t * t } else { 0.0 };
                counts[i] += if near { 1.0 } else { 0.0 };
            }
        }
        let count: f64 = counts.iter().map(|&n| f64::from(n)).sum();
        if count == 0.0 {
            return 1.0;
        }
        let sum: f64 = sums.iter().map(|&s| f64::from(s)).sum();
        (sum / count).sqrt().clamp(1.0 / EXTREME, EXTREME) as f32
    }

    /// [`Normal::row_scale`] of all rows of a sample.
    pub fn row_scales(&self, sample: &Sample) -> Vec<f32> {
        sample.values.par_chunks_exact(sample.dim).map(|values| self.row_scale(values)).collect()
    }

    /// Normalised values of some dimensions of row `row` of a sample, which has the scale `scale`; NaN where a
    /// word is not finite.
    pub fn values<'a>(
        &'a self,
        sample: &'a Sample,
        row: usize,
        scale: f32,
        dims: Range<usize>,
    ) -> impl Iterator<Item = f32> + 'a {
        let k = 1.0 / scale;
        let columns = self.mean[dims.clone()].iter().zip(&self.reciprocal[dims.clone()]);
        let values = &sample.values[row * sample.dim..][dims];
        values.iter().zip(columns).map(move |(v, (m, r))| (v - m) * r * k)
    }

    /// The scale that a number means.
    pub fn scale_of(&self, number: u8) -> f32 {
        self.median * exp2(f64::from(number) / 8.0 - f64::from(MIDDLE)) as f32
    }

    /// The scale number of a row before prediction; `values` is memory for its values.
    pub fn number(&self, words: &[u16], values: &mut Vec<f32>) -> u8 {
        values.resize(words.len(), 0.0);
        finite(self.backend, self.dtype, words, values);
        let octaves = log2(f64::from(self.row_scale(values)) / f64::from(self.median)) as f32;
        (8.0 * (octaves + MIDDLE as f32)).round().clamp(0.0, 127.0) as u8
    }
}

/// First scales of the columns: medians over a sample, which a few wild words do not move.
fn medians(sample: &Sample) -> Vec<f32> {
    let dim = sample.dim;
    let n = sample.rows().min(MEDIANS);
    let median = |j: usize| {
        let value = |i: usize| sample.values[i * sample.rows() / n * dim + j].abs();
        let mut values: Vec<f32> = (0..n).map(value).filter(|v| v.is_finite()).collect();
        values.sort_unstable_by(f32::total_cmp);
        match values.get(values.len() / 2) {
            Some(&v) if v > 0.0 => v,
            _ => values.last().copied().unwrap_or(1.0).max(1e-30),
        }
    };
    (0..dim).into_par_iter().map(median).collect()
}
