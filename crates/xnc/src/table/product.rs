//! A table times activations: the output head, from compressed rows.

use std::ops::Range;

use super::Table;
use crate::codec::fast;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::{Backend, bytes_of, dot, product};

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
        let activations = self.arrange_f32(x);
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
        self.range(rows, &self.arrange_f32(x), out)
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
        let activations = self.arrange_bf16(x)?;
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
        self.range(rows, &self.arrange_bf16(x)?, out)
    }

    fn range(&self, rows: Range<usize>, activations: &Activations, out: &mut [f32]) -> Result<()> {
        if rows.end > self.rows() {
            return Err(Error::RowOutOfRange { row: rows.end as u64 - 1, rows: self.rows() as u64 });
        }
        assert_eq!(out.len(), activations.vectors() * rows.len(), "`out` takes a value a row and vector");
        let mut columns =
            if rows.is_empty() { Vec::new() } else { out.chunks_exact_mut(rows.len()).collect() };
        self.times(rows, activations, &mut columns)
    }

    fn split(&self, activations: &Activations, threads: usize, out: &mut [f32]) -> Result<()> {
        if threads <= 1 {
            return self.range(0..self.rows(), activations, out);
        }
        let rows = self.rows();
        assert_eq!(out.len(), activations.vectors() * rows, "`out` takes a value a row and vector");
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
        if let (Some((layout, coded)), [out], Some(scaled)) = (self.fast(), &mut *out, &activations.scaled) {
            let stored = coded.stored();
            let (mut at, mut first) = (Vec::new(), rows.start);
            let mut rest = &mut **out;
            while first < rows.end {
                let chunk = layout.chunk_of_row(first);
                self.touch(chunk)?;
                let run = first..rows.end.min(layout.rows_of(chunk).end);
                let (part, after) = rest.split_at_mut(run.len());
                let kernel = |at: &[usize], out: &mut [f32]| {
                    scaled.times(activations.backend, layout, stored.payload, at, out)
                };
                let decoded = |words: &[u16]| {
                    let mut one = [0.0];
                    activations.times(0, bytes_of(words), self.dim(), &mut one);
                    one[0]
                };
                layout.multiply_run(stored, run.clone(), &mut at, part, kernel, decoded)?;
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

    fn arrange_f32(&self, x: &[f32]) -> Activations {
        let backend = Backend::best();
        let layout = self.fast().map(|(layout, _)| layout);
        let dtype = layout.map_or(self.dtype(), |layout| layout.coding().dtype());
        let arrange = |x: &[f32]| {
            let mut arranged = vec![0.0; dot::padded(x.len())];
            dot::arrange(backend, dtype, x, &mut arranged);
            arranged
        };
        let scaled = layout
            .filter(|layout| product::has_f32(backend, layout.row_shape()) && x.len() == self.dim())
            .and_then(|layout| scale_f32(x, layout.scale()?))
            .map(|x| Scaled::F32(arrange(&x)));
        Activations { backend, scaled, vectors: Vectors::F32(dtype, self.vectors(x).map(arrange).collect()) }
    }

    fn arrange_bf16(&self, x: &[u16]) -> Result<Activations> {
        if self.dtype() != Dtype::Bf16 {
            return Err(Error::NotATable {
                name: "this one".into(),
                reason: "product_bf16 takes BF16 words, and it holds FP16; use product".into(),
            });
        }
        let backend = Backend::best();
        let pad = |x: &[u16]| {
            let mut padded = x.to_vec();
            padded.resize(dot::padded(x.len()), 0);
            padded
        };
        let scaled = self
            .fast()
            .filter(|(layout, _)| product::has_bf16(backend, layout.row_shape()) && x.len() == self.dim())
            .and_then(|(layout, _)| scale_bf16(x, layout.scale()?))
            .map(Scaled::Bf16);
        Ok(Activations { backend, scaled, vectors: Vectors::Bf16(self.vectors(x).map(pad).collect()) })
    }

    fn vectors<'a, T>(&self, x: &'a [T]) -> std::slice::ChunksExact<'a, T> {
        let whole = if self.dim() == 0 { x.is_empty() } else { x.len().is_multiple_of(self.dim()) };
        assert!(whole, "activations are vectors of `dim`");
        x.chunks_exact(self.dim().max(1))
    }
}

/// Activations made ready for a backend once, for all rows.
struct Activations {
    backend: Backend,
    vectors: Vectors,
    /// A single vector times the biases of its columns, where that is exact and a loop takes it.
    scaled: Option<Scaled>,
}

enum Vectors {
    F32(Dtype, Vec<Vec<f32>>),
    Bf16(Vec<Vec<u16>>),
}

enum Scaled {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
}

impl Activations {
    fn vectors(&self) -> usize {
        match &self.vectors {
            Vectors::F32(_, vectors) => vectors.len(),
            Vectors::Bf16(vectors) => vectors.len(),
        }
    }

    /// Whole rows of words times one of the vectors.
    fn times(&self, vector: usize, rows: &[u8], dim: usize, out: &mut [f32]) {
        match &self.vectors {
            Vectors::F32(dtype, x) => dot::rows_f32(self.backend, *dtype, rows, dim, &x[vector], 0, out),
            Vectors::Bf16(x) => dot::rows_bf16(self.backend, rows, dim, &x[vector], out),
        }
    }
}

impl Scaled {
    fn times(&self, backend: Backend, layout: &fast::Layout, payload: &[u8], at: &[usize], out: &mut [f32]) {
        let (shape, upper) = (layout.row_shape(), layout.symbols().upper);
        match self {
            Scaled::F32(x) => product::rows_f32(backend, shape, upper, payload, at, x, out),
            Scaled::Bf16(x) => product::rows_bf16(backend, shape, upper, payload, at, x, out),
        }
    }
}

/// Activations times biases; none when one of them does not come out exact.
fn scale_f32(x: &[f32], scale: &[f32]) -> Option<Vec<f32>> {
    let exact = |(&x, &scale): (&f32, &f32)| {
        let scaled = x * scale;
        (scaled / scale == x || x.is_nan()).then_some(scaled)
    };
    x.iter().zip(scale).map(exact).collect()
}

/// As [`scale_f32`], where subnormals count as zero.
fn scale_bf16(x: &[u16], scale: &[f32]) -> Option<Vec<u16>> {
    let exact = |(&word, &scale): (&u16, &f32)| {
        let x = Dtype::Bf16.to_f32(word);
        let x = if x.is_subnormal() { 0.0f32.copysign(x) } else { x };
        let scaled = x * scale;
        let right = (scaled / scale == x && !scaled.is_subnormal()) || x.is_nan();
        right.then_some((scaled.to_bits() >> 16) as u16)
    };
    x.iter().zip(scale).map(exact).collect()
}
