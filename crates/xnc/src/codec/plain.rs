//! Uncompressed words behind the interface of the codecs: the twin that compressed tables are compared with.

use std::ops::Range;
use std::sync::Arc;

use super::product::{Arranged, Product, Vectors, Way};
use super::{Reader, Stored, TableShape, View};
use crate::dtype::Words;
use crate::error::Result;
use crate::kernel::stream::Stream;
use crate::kernel::{Backend, Plan};

/// Rows asked for ahead of the one that is copied.
const ROWS_AHEAD: usize = 6;

/// A table whose payload is its words.
pub struct PlainReader {
    shape: TableShape,
    backend: Backend,
    /// How products go along memory; none for the usual way.
    way: Option<Way>,
}

impl PlainReader {
    /// For words of that extent.
    pub fn new(shape: TableShape, backend: Backend, way: Option<Way>) -> PlainReader {
        PlainReader { shape, backend, way }
    }

    /// Bytes of rows.
    fn bytes<'a>(&self, stored: Stored<'a>, rows: Range<usize>) -> &'a [u8] {
        let row = 2 * self.shape.dim;
        &stored.payload[rows.start * row..rows.end * row]
    }
}

impl Reader for PlainReader {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn chunk_words(&self) -> usize {
        self.shape.words().max(1)
    }

    fn unit(&self, _: Stored<'_>, _: usize) -> Option<(Range<usize>, u32)> {
        None
    }

    fn decode(
        &self,
        view: &View<'_>,
        _: usize,
        first: usize,
        out: &mut [u16],
        _: Option<&Stream>,
    ) -> Result<()> {
        Words::new(view.stored.payload).read(first, out);
        Ok(())
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let rows = Words::new(view.stored.payload);
        for (i, out) in out.chunks_exact_mut(self.shape.dim).enumerate() {
            // At the first row all up to the distance are asked for, then one a row.
            let from = if i == 0 { 0 } else { i + ROWS_AHEAD };
            for &id in ids.get(from..ids.len().min(i + ROWS_AHEAD + 1)).unwrap_or_default() {
                Plan::of_machine().ask_for_row(self.bytes(view.stored, id..id + 1));
            }
            rows.read(ids[i] * self.shape.dim, out);
        }
        Ok(())
    }

    fn place(&self, _: Stored<'_>, row: usize) -> Option<Range<usize>> {
        let bytes = 2 * self.shape.dim;
        Some(row * bytes..(row + 1) * bytes)
    }

    fn decode_alone(&self, stored: Stored<'_>, _: usize, out: &mut [u16]) {
        Words::new(&stored.payload[..2 * out.len()]).read(0, out);
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        let arranged = Arranged::new(self.backend, self.shape.dtype, self.shape.dim, x);
        let arranged = if let Some(way) = self.way { arranged.by(way) } else { arranged };
        Box::new(PlainProduct { reader: self, arranged })
    }
}

struct PlainProduct {
    reader: Arc<PlainReader>,
    arranged: Arranged,
}

impl Product for PlainProduct {
    fn vectors(&self) -> usize {
        self.arranged.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        self.arranged.rows(self.reader.bytes(view.stored, rows), out);
        Ok(())
    }
}
