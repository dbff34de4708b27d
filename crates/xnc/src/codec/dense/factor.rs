//! Cholesky factors, by blocks. Every element is the result of the same operations in the same order, however
//! blocks and threads divide them.

use rayon::prelude::*;

use crate::kernel::Backend;
use crate::kernel::dense::factor::{ROWS, Turned, subtract};

/// Columns that are finished together.
const BLOCK: usize = 64;

/// Lower Cholesky factor in place, of the lower triangle of a row-major matrix; false where that is not
/// positive definite.
pub fn cholesky(backend: Backend, a: &mut [f64], n: usize) -> bool {
    for first in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - first);
        let (above, below) = a.split_at_mut((first + width) * n);
        let diagonal = &mut above[first * n..];
        if !finish(diagonal, n, first, width) {
            return false;
        }
        // The block's columns of the rows below; then what they take from the columns behind.
        let diagonal = &above[first * n..];
        below.par_chunks_exact_mut(n).for_each(|row| solve(diagonal, n, first, width, row));
        let turned = Turned::new(width, n - first - width, |i, k| below[i * n + first + k]);
        below.par_chunks_mut(ROWS * n).enumerate().for_each(|(part, rows)| {
            let mut rows: Vec<&mut [f64]> =
                rows.chunks_exact_mut(n).map(|row| &mut row[first + width..]).collect();
            subtract(backend, &turned, &mut rows, part * ROWS);
        });
    }
    true
}

/// Factors the block on the diagonal, whose rows have lost what earlier columns take.
fn finish(rows: &mut [f64], n: usize, first: usize, width: usize) -> bool {
    for j in 0..width {
        let (done, row) = rows.split_at_mut(j * n);
        let row = &mut row[first..first + width];
        for k in 0..j {
            let other = &done[k * n + first..][..=k];
            row[k] = (0..k).fold(row[k], |rest, i| rest - other[i] * row[i]) / other[k];
        }
        let rest = row[..j].iter().fold(row[j], |rest, x| rest - x * x);
        // Dimensions that others determine would need coefficients without bound.
        if rest.is_nan() || rest <= 1e-9 {
            return false;
        }
        row[j] = rest.sqrt();
    }
    true
}

/// The block's columns of a row below it.
fn solve(diagonal: &[f64], n: usize, first: usize, width: usize, row: &mut [f64]) {
    let row = &mut row[first..first + width];
    for k in 0..width {
        let other = &diagonal[k * n + first..][..=k];
        row[k] = (0..k).fold(row[k], |rest, i| rest - other[i] * row[i]) / other[k];
    }
}
