//! A table times activations: the output head, from compressed rows.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::{Activations, Table};
use crate::codec::fast;
use crate::error::{Error, Result};
use crate::kernel::bytes_of;

/// Rows multiplied with one vector before the next vector takes its turn: they stay in the nearest cache.
const BLOCK_ROWS: usize = 16;

/// Chunks of coded rows that one vector takes in one go, after all are checked: few enough for the second-level cache.
const RUN_CHUNKS: usize = 8;

/// Rows that a thread takes at a time: enough to hide the taking, few enough that threads end together.
const PIECE_ROWS: usize = 1024;

impl Table {
    /// Makes `b` F32 vectors of [`Table::dim`] ready, one after another in `x`.
    ///
    /// # Panics
    /// If `x` is not a whole number of vectors.
    pub fn activations(&self, x: &[f32]) -> Activations<'_> {
        Activations::f32(self, x)
    }

    /// As [`Table::activations`], of BF16 vectors, whose products have the arithmetic of `vdpbf16ps`.
    ///
    /// # Errors
    /// [`Error::NotATable`] for a table of FP16 words.
    ///
    /// # Panics
    /// As [`Table::activations`].
    pub fn activations_bf16(&self, x: &[u16]) -> Result<Activations<'_>> {
        Activations::bf16(self, x)
    }

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

    /// As [`Table::product`], on the calling thread and `threads - 1` more that end before it returns.
    ///
    /// # Errors
    /// As [`Table::product`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_threads(&self, x: &[f32], threads: usize, out: &mut [f32]) -> Result<()> {
        self.activations(x).product_threads(threads, out)
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

    /// As [`Table::product_bf16`], on the calling thread and `threads - 1` more that end before it returns.
    ///
    /// # Errors
    /// As [`Table::product_bf16`].
    ///
    /// # Panics
    /// As [`Table::product`].
    pub fn product_bf16_threads(&self, x: &[u16], threads: usize, out: &mut [f32]) -> Result<()> {
        self.activations_bf16(x)?.product_threads(threads, out)
    }
}

impl Activations<'_> {
    /// The rows `rows` of the table times each vector: `out` becomes as many vectors of `rows.len()`. Runs on the calling thread.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`]; [`Error::Corrupt`] when a chunk is damaged.
    ///
    /// # Panics
    /// If `out` has another length.
    pub fn product(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let all = self.table.rows();
        if rows.end > all {
            return Err(Error::RowOutOfRange { row: rows.end as u64 - 1, rows: all as u64 });
        }
        assert_eq!(out.len(), self.count() * rows.len(), "`out` takes a value a row and vector");
        let mut columns =
            if rows.is_empty() { Vec::new() } else { out.chunks_exact_mut(rows.len()).collect() };
        self.times(rows, &mut columns)
    }

    /// As [`Activations::product`] of all rows, on the calling thread and `threads - 1` more that end before it returns.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a chunk is damaged.
    ///
    /// # Panics
    /// As [`Activations::product`].
    pub fn product_threads(&self, threads: usize, out: &mut [f32]) -> Result<()> {
        let rows = self.table.rows();
        let threads = threads.min(rows.div_ceil(PIECE_ROWS));
        if threads <= 1 {
            return self.product(0..rows, out);
        }
        assert_eq!(out.len(), self.count() * rows, "`out` takes a value a row and vector");
        let mut columns: Vec<_> =
            out.chunks_exact_mut(rows).map(|column| column.chunks_mut(PIECE_ROWS)).collect();
        let pieces = (0..rows).step_by(PIECE_ROWS).map(|first| {
            let parts: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
            (first..rows.min(first + PIECE_ROWS), parts)
        });
        // Taken one by one, not dealt out: a core that something else runs on does less, and nobody waits for it.
        let pieces = Mutex::new(pieces);
        let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || std::iter::from_fn(next).try_for_each(|(rows, mut parts)| self.times(rows, &mut parts));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            workers.into_iter().fold(own, |result, worker| {
                result.and(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            })
        })
    }

    /// The rows `rows` times each vector, into one slice a vector.
    fn times(&self, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let table = self.table;
        if let (Some((layout, coded)), [out], Some(fused)) = (table.fast(), &mut *out, &self.fused) {
            let stored = coded.stored();
            let (mut fused, mut room) = (fused.clone(), fast::Room::default());
            let decoded = |words: &[u16]| {
                let mut one = [0.0];
                self.words(0, bytes_of(words), table.dim(), &mut one);
                one[0]
            };
            let mut first = rows.start;
            let mut rest = &mut **out;
            while first < rows.end {
                let chunk = layout.chunk_of_row(first);
                let chunks = chunk..layout.chunk_of_row(rows.end - 1).min(chunk + RUN_CHUNKS - 1) + 1;
                let run = first..rows.end.min(layout.rows_of(chunks.end - 1).end);
                chunks.into_iter().try_for_each(|chunk| table.touch(chunk))?;
                let (part, after) = rest.split_at_mut(run.len());
                layout.multiply_run(stored, run.clone(), &mut room, part, &mut fused, decoded)?;
                (first, rest) = (run.end, after);
            }
            return Ok(());
        }
        let dim = table.dim();
        let plain = table.plain();
        let mut words = vec![0; if plain.is_some() { 0 } else { BLOCK_ROWS * dim }];
        let together = if plain.is_some() && out.len() == 1 { rows.len().max(1) } else { BLOCK_ROWS };
        for first in rows.clone().step_by(together) {
            let block = first..rows.end.min(first + together);
            let held = first - rows.start..block.end - rows.start;
            let bytes = match plain {
                Some(plain) => &plain.bytes()[2 * block.start * dim..2 * block.end * dim],
                None => {
                    let words = &mut words[..block.len() * dim];
                    let mut ids = [0; BLOCK_ROWS];
                    ids.iter_mut().zip(block.clone()).for_each(|(slot, id)| *slot = id);
                    table.coded_rows(&ids[..block.len()], words)?;
                    bytes_of(words)
                }
            };
            for (vector, out) in out.iter_mut().enumerate() {
                self.words(vector, bytes, dim, &mut out[held.clone()]);
            }
        }
        Ok(())
    }
}
