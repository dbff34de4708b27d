//! How the dimensions of a table depend on each other.

use rayon::prelude::*;

use super::fit::Normal;

/// Rows of one partial sum; fixed, so that sums do not depend on the number of threads.
const PART: usize = 4096;
/// Rows whose products are formed together.
const STRIP: usize = 64;

/// Covariance of the normalised rows `sample`, lower triangle, row-major.
pub fn covariance(sample: &[usize], normal: &Normal<'_>) -> Vec<f64> {
    let dim = normal.dim;
    let parts: Vec<Vec<f32>> = sample
        .par_chunks(PART)
        .map(|part| {
            let mut sum = vec![0f32; dim * dim];
            let mut strip = vec![0f32; dim * STRIP];
            for rows in part.chunks(STRIP) {
                strip.fill(0.0);
                for (i, &row) in rows.iter().enumerate() {
                    for (j, t) in normal.row(row).enumerate() {
                        // An outlier would drag the whole prediction.
                        strip[j * STRIP + i] = if t.is_finite() { t.clamp(-8.0, 8.0) } else { 0.0 };
                    }
                }
                add_products(&strip, &mut sum, dim);
            }
            sum
        })
        .collect();
    let mut all = vec![0f64; dim * dim];
    for part in &parts {
        for (a, &s) in all.iter_mut().zip(part) {
            *a += f64::from(s) / sample.len() as f64;
        }
    }
    all
}

fn add_products(strip: &[f32], sum: &mut [f32], dim: usize) {
    for (j, a) in strip.chunks_exact(STRIP).enumerate() {
        for (k, b) in strip.chunks_exact(STRIP).enumerate().take(j + 1) {
            let mut lanes = [0f32; 16];
            for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
                for i in 0..16 {
                    lanes[i] += a[i] * b[i];
                }
            }
            sum[j * dim + k] += lanes.iter().sum::<f32>();
        }
    }
}

/// Lower Cholesky factor in place; false where the matrix is not positive definite.
pub fn cholesky(a: &mut [f64], n: usize) -> bool {
    for j in 0..n {
        let (done, row) = a.split_at_mut(j * n);
        for k in 0..j {
            let other = &done[k * n..][..=k];
            let dot: f64 = other[..k].iter().zip(&row[..k]).map(|(x, y)| x * y).sum();
            row[k] = (row[k] - dot) / other[k];
        }
        let rest = row[j] - row[..j].iter().map(|x| x * x).sum::<f64>();
        // Dimensions that others determine would need coefficients without bound.
        if rest.is_nan() || rest <= 1e-9 {
            return false;
        }
        row[j] = rest.sqrt();
    }
    true
}
