//! Products of decoded rows: what every codec can do, and what a codec's own loop falls back to.

use std::ops::Range;
use std::sync::Arc;

use super::{Reader, View};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::dot::batch;
use crate::kernel::{Aligned, Backend, bytes_of, dot};

/// Words that all vectors take before the next ones: most of them stay in the nearest cache, and they are enough
/// rows that going from decoding to multiplying costs little.
const WORDS: usize = 1 << 14;

/// So many words in rows, an even number of them, as loops take two at a time.
pub(super) fn together(dim: usize) -> usize {
    (WORDS / dim.max(1)).clamp(2, 64) & !1
}

/// How plain rows go along memory: close to the fastest of the ways that `xnc bench` tries.
const WAY: Way = Way { ahead: dot::AHEAD[4], only_read: false, huge: false };

/// How products of plain rows go along memory. Not to be named outside of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Bytes between the words in use and those that are asked for, one of [`dot::AHEAD`].
    pub ahead: usize,
    /// Whether rows are read and not multiplied: what bounds every product. The results are of no use.
    pub only_read: bool,
    /// Whether words are first copied to where the system may give huge pages.
    pub huge: bool,
}

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
    way: Way,
    count: usize,
    vectors: Lanes,
}

/// So many vectors as one loop takes in each part, [`batch::MOST`], the rest in the last.
enum Lanes {
    F32(Vec<Aligned<f32>>),
    Bf16(Vec<Aligned<u16>>),
}

impl Arranged {
    /// For rows of `dim` words of type `dtype`.
    pub fn new(backend: Backend, dtype: Dtype, dim: usize, x: Vectors<'_>) -> Arranged {
        let part = batch::MOST * dim.max(1);
        let room = |values: usize| values / dim.max(1) * dot::padded(dim);
        let arrange = |x: &[f32]| {
            let mut arranged = Aligned::new(room(x.len()), 0.0);
            batch::arrange_f32(backend, dtype, dim, x, &mut arranged);
            arranged
        };
        let pad = |x: &[u16]| {
            let mut padded = Aligned::new(room(x.len()), 0);
            batch::arrange_bf16(dim, x, &mut padded);
            padded
        };
        let (values, vectors) = match x {
            Vectors::F32(x) => (x.len(), Lanes::F32(x.chunks(part).map(arrange).collect())),
            Vectors::Bf16(x) => (x.len(), Lanes::Bf16(x.chunks(part).map(pad).collect())),
        };
        Arranged { backend, dtype, dim, way: WAY, count: values / dim.max(1), vectors }
    }

    /// Rows go along memory in this way.
    pub fn by(self, way: Way) -> Arranged {
        Arranged { way, ..self }
    }

    /// Number of vectors.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whole rows of words, as bytes, times all vectors, into one slice a vector.
    pub fn rows(&self, rows: &[u8], out: &mut [&mut [f32]]) {
        let Way { ahead, only_read, huge: _ } = self.way;
        if only_read {
            out[0][0] = f32::from_bits(dot::read(self.backend, rows, ahead) as u32);
            return;
        }
        let row = 2 * self.dim.max(1);
        // One part takes all rows in one call. Several take a few each, which stay in the nearest cache.
        let together = if self.count > batch::MOST { together(self.dim) } else { (rows.len() / row).max(1) };
        for (i, block) in rows.chunks(row * together).enumerate() {
            let first = i * together;
            self.block(block, ahead, first..first + block.len() / row, out);
        }
    }

    /// Rows times all vectors, into the places `held` of each slice.
    pub(super) fn block(&self, rows: &[u8], ahead: usize, held: Range<usize>, out: &mut [&mut [f32]]) {
        for (part, out) in out.chunks_mut(batch::MOST).enumerate() {
            let vectors = out.len();
            let mut slices: [&mut [f32]; batch::MOST] = Default::default();
            slices.iter_mut().zip(out).for_each(|(slice, out)| *slice = &mut out[held.clone()]);
            // The first part brings the rows.
            self.part(part, rows, if part == 0 { ahead } else { 0 }, &mut slices[..vectors]);
        }
    }

    /// Rows times the vectors of one part.
    fn part(&self, part: usize, rows: &[u8], ahead: usize, out: &mut [&mut [f32]]) {
        let Arranged { backend, dtype, dim, .. } = *self;
        match (&self.vectors, out) {
            (Lanes::F32(x), [out]) => dot::rows_f32(backend, dtype, rows, dim, &x[part], ahead, out),
            (Lanes::Bf16(x), [out]) => dot::rows_bf16(backend, rows, dim, &x[part], ahead, out),
            (Lanes::F32(x), out) => batch::rows_f32(backend, dtype, rows, dim, &x[part], ahead, out),
            (Lanes::Bf16(x), out) => batch::rows_bf16(backend, rows, dim, &x[part], ahead, out),
        }
    }

    /// Rows of a table times all vectors: decoded a few at a time.
    ///
    /// # Errors
    /// As [`Product::times`].
    pub fn decoded(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let together = together(self.dim);
        let mut words = vec![0; together.min(rows.len()) * self.dim];
        for first in rows.clone().step_by(together) {
            let block = first..rows.end.min(first + together);
            let words = &mut words[..block.len() * self.dim];
            view.read(first * self.dim, words)?;
            let held = first - rows.start..block.end - rows.start;
            // Nothing is asked for ahead: what was decoded is there.
            self.block(bytes_of(words), 0, held, out);
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
