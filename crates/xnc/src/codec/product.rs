//! Products of decoded rows: what every codec can do, and what a codec's own loop falls back to.

use std::ops::Range;
use std::sync::Arc;

use super::{Reader, View};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::{Aligned, Backend, bytes_of, dot};

/// Rows decoded and multiplied with all vectors together: they stay in the nearest cache.
const ROWS: usize = 16;

/// How far ahead plain rows ask for memory: close to the fastest of the distances that `xnc bench` tries.
const AHEAD: usize = dot::AHEAD[2];

/// Whole vectors of activations, one after another.
#[derive(Clone, Copy)]
pub enum Vectors<'a> {
    /// F32 values.
    F32(&'a [f32]),
    /// BF16 words, whose products have the arithmetic of `vdpbf16ps`. The table's words are BF16, too.
    Bf16(&'a [u16]),
}

/// Vectors of activations made ready once, for any rows of one table.
pub trait Product: Send + Sync {
    /// Number of vectors.
    fn vectors(&self) -> usize;

    /// The rows `rows` times each vector, into one slice a vector.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] when a chunk is damaged.
    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()>;
}

/// Vectors in the order in which rows of words take them.
pub struct Arranged {
    backend: Backend,
    dtype: Dtype,
    dim: usize,
    ahead: usize,
    vectors: Lanes,
}

enum Lanes {
    F32(Vec<Aligned<f32>>),
    Bf16(Vec<Aligned<u16>>),
}

impl Arranged {
    /// For rows of `dim` words of type `dtype`.
    pub fn new(backend: Backend, dtype: Dtype, dim: usize, x: Vectors<'_>) -> Arranged {
        let arrange = |x: &[f32]| {
            let mut arranged = Aligned::new(dot::padded(dim), 0.0);
            dot::arrange(backend, dtype, x, &mut arranged);
            arranged
        };
        let pad = |x: &[u16]| {
            let mut padded = Aligned::new(dot::padded(dim), 0);
            padded[..dim].copy_from_slice(x);
            padded
        };
        let vectors = match x {
            Vectors::F32(x) => Lanes::F32(x.chunks_exact(dim.max(1)).map(arrange).collect()),
            Vectors::Bf16(x) => Lanes::Bf16(x.chunks_exact(dim.max(1)).map(pad).collect()),
        };
        Arranged { backend, dtype, dim, ahead: AHEAD, vectors }
    }

    /// Rows ask for memory `bytes` ahead, one of [`dot::AHEAD`].
    pub fn ahead(self, bytes: usize) -> Arranged {
        Arranged { ahead: bytes, ..self }
    }

    /// Number of vectors.
    pub fn count(&self) -> usize {
        match &self.vectors {
            Lanes::F32(vectors) => vectors.len(),
            Lanes::Bf16(vectors) => vectors.len(),
        }
    }

    /// Whole rows of words, as bytes, times one of the vectors.
    pub fn rows(&self, vector: usize, rows: &[u8], out: &mut [f32]) {
        let Arranged { backend, dtype, dim, ahead, .. } = *self;
        match &self.vectors {
            Lanes::F32(x) => dot::rows_f32(backend, dtype, rows, dim, &x[vector], ahead, out),
            Lanes::Bf16(x) => dot::rows_bf16(backend, rows, dim, &x[vector], ahead, out),
        }
    }

    /// One row of words times one of the vectors.
    pub fn row(&self, vector: usize, words: &[u16]) -> f32 {
        let mut one = [0.0];
        self.rows(vector, bytes_of(words), &mut one);
        one[0]
    }

    /// Rows of a table times all vectors: decoded a few at a time.
    ///
    /// # Errors
    /// As [`Product::times`].
    pub fn decoded(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let mut words = vec![0; ROWS.min(rows.len()) * self.dim];
        let mut ids = [0; ROWS];
        for first in rows.clone().step_by(ROWS) {
            let block = first..rows.end.min(first + ROWS);
            let (ids, words) = (&mut ids[..block.len()], &mut words[..block.len() * self.dim]);
            ids.iter_mut().zip(block.clone()).for_each(|(slot, id)| *slot = id);
            view.gather(ids, words)?;
            let held = first - rows.start..block.end - rows.start;
            for (vector, out) in out.iter_mut().enumerate() {
                self.rows(vector, bytes_of(words), &mut out[held.clone()]);
            }
        }
        Ok(())
    }
}

/// The product of a codec that has no loop of its own.
pub struct Decoded(Arranged);

impl Decoded {
    /// For the rows of a table.
    pub fn boxed(reader: &Arc<impl Reader>, x: Vectors<'_>) -> Box<dyn Product> {
        let shape = reader.shape();
        Box::new(Decoded(Arranged::new(reader.backend(), shape.dtype, shape.dim, x)))
    }
}

impl Product for Decoded {
    fn vectors(&self) -> usize {
        self.0.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        self.0.decoded(view, rows, out)
    }
}
