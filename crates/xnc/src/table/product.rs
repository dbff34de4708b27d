//! A table times activations: the output head, from compressed rows.

use std::ops::Range;

use super::Table;
use super::activations::Activations;
use crate::codec::fast;
use crate::error::{Error, Result};
use crate::kernel::bytes_of;

/// Rows multiplied with one vector before the next vector takes its turn: they stay in the nearest cache.
const BLOCK_ROWS: usize = 16;

impl Table {
    /// Multiplies the table with `b` vectors of [`Table::dim`], one after another in `x`; `out` becomes `b` vectors of
    /// [`Table::rows`]. Runs on the calling thread. `spec/fast.md` defines the result to the last bit.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a chunk is damaged.
    ///
    /// # Panics
    /// If `x` is not a whole number of vectors, or `out` not as many.
    pub fn product(&self, x: &[f32], out: &mut [f32]) -> Result<()> {
        self.product_threads(x, 1, out)
    }

    /// As [`Table::product`], on `threads` threads that end before it returns.
    ///
    /// # Errors
    /// As [`Table::product`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_threads(&self, x: &[f32], threads: usize, out: &mut [f32]) -> Result<()> {
        let activations = Activations::f32(self, x);
        self.split(&activations, threads, out)
    }

    /// As [`Table::product`], of the rows `rows` alone: `out` becomes `b` vectors of `rows.len()`.
    ///
    /// # Errors
    /// As [`Table::product`]; [`Error::RowOutOfRange`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_range(&self, rows: Range<usize>, x: &[f32], out: &mut [f32]) -> Result<()> {
        self.range(rows, &Activations::f32(self, x), out)
    }

    /// As [`Table::product`], with BF16 activations and the arithmetic of `vdpbf16ps`.
    ///
    /// # Errors
    /// As [`Table::product`]; [`Error::NotATable`] for a table of FP16 words.
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_bf16(&self, x: &[u16], out: &mut [f32]) -> Result<()> {
        self.product_bf16_threads(x, 1, out)
    }

    /// As [`Table::product_bf16`], on `threads` threads that end before it returns.
    ///
    /// # Errors
    /// As [`Table::product_bf16`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_bf16_threads(&self, x: &[u16], threads: usize, out: &mut [f32]) -> Result<()> {
        let activations = Activations::bf16(self, x)?;
        self.split(&activations, threads, out)
    }

    /// As [`Table::product_bf16`], of the rows `rows` alone: `out` becomes `b` vectors of `rows.len()`.
    ///
    /// # Errors
    /// As [`Table::product_bf16`]; [`Error::RowOutOfRange`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_bf16_range(&self, rows: Range<usize>, x: &[u16], out: &mut [f32]) -> Result<()> {
        self.range(rows, &Activations::bf16(self, x)?, out)
    }

    fn range(&self, rows: Range<usize>, activations: &Activations, out: &mut [f32]) -> Result<()> {
        if rows.end > self.rows() {
            return Err(Error::RowOutOfRange { row: rows.end as u64 - 1, rows: self.rows() as u64 });
        }
        assert_eq!(out.len(), activations.len() * rows.len(), "`out` takes a value a row and vector");
        let mut columns =
            if rows.is_empty() { Vec::new() } else { out.chunks_exact_mut(rows.len()).collect() };
        self.times(rows, activations, &mut columns)
    }

    fn split(&self, activations: &Activations, threads: usize, out: &mut [f32]) -> Result<()> {
        if threads <= 1 {
            return self.range(0..self.rows(), activations, out);
        }
        let rows = self.rows();
        assert_eq!(out.len(), activations.len() * rows, "`out` takes a value a row and vector");
        let share = rows.div_ceil(threads).max(1);
        let mut columns: Vec<_> =
            out.chunks_exact_mut(rows.max(1)).map(|column| column.chunks_mut(share)).collect();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..rows)
                .step_by(share)
                .map(|first| {
                    let mut parts: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
                    scope.spawn(move || self.times(first..rows.min(first + share), activations, &mut parts))
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// The rows `rows` times each vector, into one slice a vector.
    fn times(&self, rows: Range<usize>, activations: &Activations, out: &mut [&mut [f32]]) -> Result<()> {
        if let (Some((layout, coded)), [out], Some(fused)) = (self.fast(), &mut *out, &activations.fused) {
            let stored = coded.stored();
            let (mut fused, mut room) = (fused.clone(), fast::Room::default());
            let mut first = rows.start;
            let mut rest = &mut **out;
            while first < rows.end {
                let chunk = layout.chunk_of_row(first);
                self.touch(chunk)?;
                let run = first..rows.end.min(layout.rows_of(chunk).end);
                let (part, after) = rest.split_at_mut(run.len());
                let decoded = |words: &[u16]| {
                    let mut one = [0.0];
                    activations.times(0, bytes_of(words), self.dim(), &mut one);
                    one[0]
                };
                layout.multiply_run(stored, run.clone(), &mut room, part, &mut fused, decoded)?;
                (first, rest) = (run.end, after);
            }
            return Ok(());
        }
        let dim = self.dim();
        let mut words = vec![0; if self.plain().is_some() { 0 } else { BLOCK_ROWS * dim }];
        for first in rows.clone().step_by(BLOCK_ROWS) {
            let block = first..rows.end.min(first + BLOCK_ROWS);
            let held = first - rows.start..block.end - rows.start;
            let bytes = match self.plain() {
                Some(plain) => &plain.bytes()[2 * block.start * dim..2 * block.end * dim],
                None => {
                    let words = &mut words[..block.len() * dim];
                    let mut ids = [0; BLOCK_ROWS];
                    ids.iter_mut().zip(block.clone()).for_each(|(slot, id)| *slot = id);
                    self.coded_rows(&ids[..block.len()], words)?;
                    bytes_of(words)
                }
            };
            for (vector, out) in out.iter_mut().enumerate() {
                activations.times(vector, bytes, dim, &mut out[held.clone()]);
            }
        }
        Ok(())
    }
}
