//! Products of coded rows: one vector in a loop of its own, several from decoded rows.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::reader::FastReader;
use crate::codec::product::{Arranged, Product, Vectors};
use crate::codec::{Reader, View};
use crate::error::Result;
use crate::kernel::fast::product::Fused;
use crate::kernel::fast::row::Row;
use crate::kernel::fast::unpack::Ahead;

/// Rows that are found and checked together, before they are multiplied: few enough for the second-level cache.
const RUN: usize = 512;

/// Vectors ready for the rows of one table.
pub struct FastProduct {
    reader: Arc<FastReader>,
    arranged: Arranged,
    /// A single vector, where there is a loop for it.
    fused: Option<Fused>,
    /// Desks of threads that are done: pieces of a product are short, and making a desk is not.
    spare: Mutex<Vec<Desk>>,
}

/// What one thread works with.
struct Desk {
    fused: Fused,
    run: Vec<Row>,
    words: Vec<u16>,
}

impl FastProduct {
    pub fn new(reader: Arc<FastReader>, x: Vectors<'_>) -> FastProduct {
        let (table, backend, shape) = (reader.shape(), reader.backend(), reader.row_shape());
        let fused = match x {
            Vectors::F32(x) if x.len() == table.dim => Fused::f32(backend, shape, reader.symbols(), x),
            Vectors::Bf16(x) if x.len() == table.dim => Fused::bf16(backend, shape, reader.symbols(), x),
            Vectors::F32(_) | Vectors::Bf16(_) => None,
        };
        let arranged = Arranged::new(backend, table.dtype, table.dim, x);
        FastProduct { reader, arranged, fused, spare: Mutex::default() }
    }
}

impl Product for FastProduct {
    fn vectors(&self) -> usize {
        self.arranged.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let ([out], Some(fused)) = (&mut *out, &self.fused) else {
            return self.arranged.decoded(view, rows, out);
        };
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let found = spare().pop();
        let new = || Desk { fused: fused.clone(), run: Vec::new(), words: Vec::new() };
        let mut desk = found.unwrap_or_else(new);
        let told = self.rows(view, rows, out, &mut desk);
        spare().push(desk);
        told
    }
}

impl FastProduct {
    fn rows(&self, view: &View<'_>, rows: Range<usize>, out: &mut [f32], desk: &mut Desk) -> Result<()> {
        let Desk { fused, run, words } = desk;
        for (first, out) in rows.step_by(RUN).zip(out.chunks_mut(RUN)) {
            self.reader.index().run(view.stored, first..first + out.len(), run);
            self.reader.check(view, run)?;
            fused.times(view.stored.payload, run, out);
            for (row, out) in run.iter().zip(out).filter(|(row, _)| row.is_plain()) {
                words.resize(self.reader.shape().dim, 0);
                self.reader.decode_rows(view.stored, &[*row], Ahead::NONE, words);
                *out = self.arranged.row(0, words);
            }
        }
        Ok(())
    }
}
