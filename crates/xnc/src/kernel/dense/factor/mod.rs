//! What finished columns of a Cholesky factor take from the columns behind them. Every element is the result of the
//! same operations in the same order on every backend, so the loops do not contract a product and a sum.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// Rows and columns whose sums are formed at a time.
pub const ROWS: usize = 4;
pub const LANES: usize = 8;

/// Finished columns, of the rows below them.
pub struct Turned {
    /// One column after another, each filled up to whole [`LANES`].
    values: Vec<f64>,
    stride: usize,
}

impl Turned {
    /// Of `rows` rows of `width` columns; `value` gives that of a row and a column.
    pub fn new(width: usize, rows: usize, value: impl Fn(usize, usize) -> f64) -> Turned {
        let stride = rows.next_multiple_of(LANES);
        let mut values = vec![0.0; width * stride];
        for (k, column) in values.chunks_exact_mut(stride.max(1)).enumerate() {
            column.iter_mut().enumerate().take(rows).for_each(|(i, v)| *v = value(i, k));
        }
        Turned { values, stride }
    }
}

/// Subtracts what the columns take from up to [`ROWS`] rows, the first of which is row `at` of them: `rows` hold what
/// lies behind the columns, of which only the lower triangle counts.
///
/// # Panics
/// If there are no such rows, or they are shorter than what is taken from them.
pub fn subtract(backend: Backend, turned: &Turned, rows: &mut [&mut [f64]], at: usize) {
    assert!(rows.len() <= ROWS && at + rows.len() <= turned.stride);
    assert!(rows.iter().all(|row| row.len() >= at + rows.len()));
    match backend.0 {
        Isa::Scalar => scalar::subtract(turned, rows, at),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => scalar::subtract(turned, rows, at),
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::subtract(turned, rows, at) },
    }
}
