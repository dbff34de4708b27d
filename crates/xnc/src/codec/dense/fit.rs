//! Estimates what all rows share. Floating point is free here: a decoder never repeats it. [`super::exact`]
//! has what is not one of the operations that every machine does alike.

use std::f64::consts::LOG2_E;

use super::covariance::covariance;
use super::encode::Table;
use super::exact::{exp2, octave, power_of_two};
use super::factor::cholesky;
use super::model::{Model, PREDICTED};
use super::normal::{MIDDLE, Normal};
use super::numbers::Numbers;
use super::symbols::Symbols;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::dense::residual::{Column, PIECES, Tables};

/// What each dimension is predicted by: scales of the innovations, and for each dimension the coefficients of
/// those before it.
pub struct Prediction {
    own: Vec<f64>,
    coef: Vec<f32>,
}

impl Prediction {
    /// From up to `most` rows, whose scales are by a `first` model, or by their values; none where these are too few.
    pub fn new(
        table: Table<'_>,
        normal: &Normal,
        most: usize,
        first: Option<&Tables>,
    ) -> Result<Option<Prediction>> {
        let dim = normal.mean.len();
        if table.shape.rows <= dim || dim > PREDICTED {
            return Ok(None);
        }
        let (mut factor, n) = covariance(table, &table.spread(most), normal, first)?;
        if n <= dim {
            return Ok(None);
        }
        // A little less trust in what few rows say.
        let trust = n as f64 / (n as f64 + 0.02 * dim as f64);
        for (i, c) in factor.iter_mut().enumerate() {
            *c = if i % dim == i / dim { *c + 1e-6 } else { *c * trust };
        }
        Ok(cholesky(table.backend, &mut factor, dim).then(|| {
            let own: Vec<f64> = (0..dim).map(|j| factor[j * dim + j]).collect();
            let coef = (0..dim).flat_map(|j| factor[j * dim..][..j].iter().map(move |c| (c, j)));
            let coef = coef.map(|(c, j)| (c / own[j]) as f32).collect();
            Prediction { own, coef }
        }))
    }
}

/// The model of a table of `rows` rows; its distributions are still to be counted.
pub fn model(dtype: Dtype, normal: &Normal, prediction: Option<&Prediction>, rows: usize) -> Model {
    let none = Prediction { own: vec![1.0; normal.mean.len()], coef: Vec::new() };
    let Prediction { own, coef } = prediction.unwrap_or(&none);
    let shift = precision(rows);
    let mut stored = Vec::with_capacity(coef.len());
    let mut rest = &coef[..];
    let mut columns = Vec::with_capacity(own.len());
    for (j, own) in own.iter().enumerate() {
        let (row, more) = rest.split_at(j.min(rest.len()));
        rest = more;
        let top = row.iter().fold(0f32, |top, c| top.max(c.abs()));
        let shift = (0..=shift).rev().find(|&s| top * (1 << s) as f32 <= 127.0).unwrap_or(0);
        stored.extend(row.iter().map(|c| (c * (1 << shift) as f32).round() as i8));
        let sigma = f64::from(normal.scale[j]) * own * f64::from(normal.median);
        columns.push(column(dtype, f64::from(normal.mean[j]), sigma * power_of_two(-MIDDLE), shift));
    }
    let even = Symbols::fit(&[1; 256]);
    let (kinds, weights) = (even.clone(), even.clone());
    let mantissa = dtype.mantissa_bits();
    let numbers = Numbers::of(std::iter::empty());
    Model { mantissa, columns, coef: stored, pieces: gaussian(), kinds, scales: even, weights, numbers }
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
