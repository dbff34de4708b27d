//! Cholesky factors, by blocks. Every element is the result of the same operations in the same order, however
//! blocks and threads divide them.

use rayon::prelude::*;

/// Columns that are finished together.
const BLOCK: usize = 64;
/// Rows and columns whose sums are formed at a time.
const ROWS: usize = 4;
const LANES: usize = 8;

/// Lower Cholesky factor in place, of the lower triangle of a row-major matrix; false where that is not
/// positive definite.
pub fn cholesky(a: &mut [f64], n: usize) -> bool {
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
        let rows = n - first - width;
        let mut turned = vec![0.0; width * rows.next_multiple_of(LANES)];
        let stride = rows.next_multiple_of(LANES);
        for (i, row) in below.chunks_exact(n).enumerate() {
            for (k, &v) in row[first..first + width].iter().enumerate() {
                turned[k * stride + i] = v;
            }
        }
        below.par_chunks_mut(ROWS * n).enumerate().for_each(|(part, rows)| {
            subtract(&turned, stride, rows, n, first, part * ROWS);
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

/// Subtracts from some rows, `at` of them and more below the block, what the block's columns take: `turned` has
/// those columns of all rows below, one after another, `stride` apart.
fn subtract(turned: &[f64], stride: usize, rows: &mut [f64], n: usize, first: usize, at: usize) {
    let width = turned.len() / stride.max(1);
    let begin = first + width;
    let many = rows.len() / n;
    for column in (0..at + many).step_by(LANES) {
        let mut sums = [[0f64; LANES]; ROWS];
        for k in 0..width {
            let lanes = &turned[k * stride + column..][..LANES];
            for (i, sums) in sums.iter_mut().enumerate().take(many) {
                let own = turned[k * stride + at + i];
                for (sum, lane) in sums.iter_mut().zip(lanes) {
                    *sum += own * lane;
                }
            }
        }
        for (row, sums) in rows.chunks_exact_mut(n).zip(sums) {
            let row = &mut row[begin + column..];
            row.iter_mut().zip(sums).for_each(|(v, sum)| *v -= sum);
        }
    }
}
