//! A table times activations: the output head, from compressed rows.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::{Table, expect_length};
use crate::codec::{Product, Vectors};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::threads;

/// Rows that a thread takes at a time: enough to hide the taking, few enough that threads end together.
const PIECE_ROWS: usize = 1024;

/// Vectors made ready for the rows of one table: once, for any ranges of these and any number of threads.
pub struct Activations {
    table: Table,
    product: Box<dyn Product>,
}

impl Table {
    /// Makes `b` F32 vectors of [`Table::dim`] ready, one after another in `x`.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when `x` is not a whole number of vectors.
    pub fn activations(&self, x: &[f32]) -> Result<Activations> {
        self.ready(x.len(), Vectors::F32(x))
    }

    /// As [`Table::activations`], of BF16 vectors, whose products have the arithmetic of `vdpbf16ps`.
    ///
    /// # Errors
    /// As [`Table::activations`]; [`Error::NotATable`] for a table whose values are not all BF16.
    pub fn activations_bf16(&self, x: &[u16]) -> Result<Activations> {
        if self.0.opened.words() != Dtype::Bf16 {
            return Err(Error::NotATable {
                name: self.name().into(),
                reason: "products with BF16 activations take BF16 words, and this table holds FP16".into(),
            });
        }
        self.ready(x.len(), Vectors::Bf16(x))
    }

    fn ready(&self, length: usize, x: Vectors<'_>) -> Result<Activations> {
        let vectors = length.checked_div(self.dim()).unwrap_or(0);
        expect_length("`x`, whole vectors,", length, vectors * self.dim())?;
        let product = self.0.opened.reader().clone().product(x);
        Ok(Activations { table: self.clone(), product })
    }

    /// Multiplies the table with `b` vectors of [`Table::dim`], one after another in `x`; `out` becomes `b` vectors of
    /// [`Table::rows`]. `spec/fast.md`, section 6, defines the result to the last bit. `threads` is as
    /// everywhere in this crate: 0 takes the current rayon pool, 1 the calling thread alone.
    ///
    /// # Errors
    /// [`Error::WrongLength`]; [`Error::Corrupt`] when a chunk is damaged.
    pub fn product(&self, x: &[f32], threads: usize, out: &mut [f32]) -> Result<()> {
        self.activations(x)?.product_all(threads, out)
    }

    /// As [`Table::product`], with BF16 activations and the arithmetic of `vdpbf16ps`.
    ///
    /// # Errors
    /// As [`Table::product`] and [`Table::activations_bf16`].
    pub fn product_bf16(&self, x: &[u16], threads: usize, out: &mut [f32]) -> Result<()> {
        self.activations_bf16(x)?.product_all(threads, out)
    }
}

impl Activations {
    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.product.vectors()
    }

    /// The rows `rows` of the table times each vector, on the calling thread: `out` becomes as many vectors
    /// of `rows.len()`.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`]; [`Error::WrongLength`]; [`Error::Corrupt`] when a chunk is damaged.
    pub fn product(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let all = self.table.rows();
        if rows.end > all {
            return Err(Error::RowOutOfRange { row: rows.end as u64 - 1, rows: all as u64 });
        }
        expect_length("`out`", out.len(), self.count() * rows.len())?;
        if rows.is_empty() {
            return Ok(());
        }
        self.times(rows.clone(), &mut out.chunks_exact_mut(rows.len()).collect::<Vec<_>>())
    }

    /// All rows times each vector, on `threads` threads, the calling one among them: `out` becomes as many vectors of
    /// [`Table::rows`].
    ///
    /// # Errors
    /// As [`Activations::product`].
    pub fn product_all(&self, threads: usize, out: &mut [f32]) -> Result<()> {
        let rows = self.table.rows();
        let workers = threads::workers(threads).min(rows.div_ceil(PIECE_ROWS));
        if workers <= 1 {
            return self.product(0..rows, out);
        }
        expect_length("`out`", out.len(), self.count() * rows)?;
        let mut columns: Vec<_> =
            out.chunks_exact_mut(rows).map(|column| column.chunks_mut(PIECE_ROWS)).collect();
        let pieces = (0..rows).step_by(PIECE_ROWS).map(|first| {
            let parts: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
            (first..rows.min(first + PIECE_ROWS), parts)
        });
        // Taken one by one, not dealt out: a core that something else runs on does less, and nobody waits for it.
        let pieces = Mutex::new(pieces);
        let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
        threads::together(workers, || {
            std::iter::from_fn(next).try_for_each(|(rows, mut parts)| self.times(rows, &mut parts))
        })
    }

    /// The rows `rows` times each vector, into one slice a vector.
    fn times(&self, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let view = self.table.0.opened.view();
        self.product.times(&view, rows, out).map_err(|e| e.in_tensor(self.table.name()))
    }
}

const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<Activations>();
};
