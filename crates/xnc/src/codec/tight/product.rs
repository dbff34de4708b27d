//! Products of coded rows: one vector in a loop of its own, several from decoded rows.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::reader::TightReader;
use crate::codec::product::{Arranged, Product, Vectors, together};
use crate::codec::{Reader, View};
use crate::dtype::Words;
use crate::error::Result;
use crate::kernel::bytes_of;
use crate::kernel::tight::product::Fused;
use crate::kernel::tight::row::Row;
use crate::kernel::tight::unpack::Unpacker;

/// Rows that are found and checked together, before they are multiplied: few enough for the second-level cache.
const RUN: usize = 512;

/// Vectors ready for the rows of one table.
pub struct TightProduct {
    reader: Arc<TightReader>,
    arranged: Arranged,
    /// A single vector, where there is a loop for it.
    fused: Option<Fused>,
    /// Desks of threads that are done: pieces of a product are short, and making a desk is not.
    spare: Mutex<Vec<Desk>>,
}

/// What one thread works with.
struct Desk {
    fused: Option<Fused>,
    unpacker: Unpacker,
    run: Vec<Row>,
    words: Vec<u16>,
}

impl TightProduct {
    pub fn new(reader: Arc<TightReader>, x: Vectors<'_>) -> TightProduct {
        let (table, backend, shape) = (reader.shape(), reader.backend(), reader.row_shape());
        let fused = match x {
            Vectors::F32(x) if x.len() == table.dim => Fused::f32(backend, shape, reader.symbols(), x),
            Vectors::Bf16(x) if x.len() == table.dim => Fused::bf16(backend, shape, reader.symbols(), x),
            Vectors::F32(_) | Vectors::Bf16(_) => None,
        };
        let arranged = Arranged::new(backend, table.dtype, table.dim, x);
        TightProduct { reader, arranged, fused, spare: Mutex::default() }
    }

    /// Rows times one vector, in one loop.
    fn one(&self, view: &View<'_>, fused: &mut Fused, run: &[Row], words: &mut Vec<u16>, out: &mut [f32]) {
        fused.times(view.stored.payload, run, out);
        let dim = self.reader.shape().dim;
        for (i, row) in run.iter().enumerate().filter(|(_, row)| row.is_plain()) {
            words.resize(dim, 0);
            Words::new(&view.stored.payload[row.at..][..2 * dim]).read(0, words);
            self.arranged.block(bytes_of(words), 0, i..i + 1, &mut [&mut *out]);
        }
    }

    /// Rows times all vectors, into the places from `held` on of each slice: unpacked once, by the cacheful.
    fn several(&self, view: &View<'_>, desk: &mut Desk, mut held: usize, out: &mut [&mut [f32]]) {
        let Desk { unpacker, run, words, .. } = desk;
        let dim = self.reader.shape().dim;
        for rows in run.chunks(together(dim)) {
            words.resize(rows.len() * dim, 0);
            self.reader.decode_rows(view.stored, unpacker, rows, words);
            // Nothing is asked for ahead: what was decoded is there.
            self.arranged.block(bytes_of(words), 0, held..held + rows.len(), out);
            held += rows.len();
        }
    }
}

impl Product for TightProduct {
    fn vectors(&self) -> usize {
        self.arranged.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let found = spare().pop();
        let new = || Desk {
            fused: self.fused.clone(),
            unpacker: self.reader.unpacker(),
            run: Vec::new(),
            words: Vec::new(),
        };
        let mut desk = found.unwrap_or_else(new);
        let told = rows.clone().step_by(RUN).try_for_each(|first| {
            let last = rows.end.min(first + RUN);
            let held = first - rows.start;
            self.reader.index().run(view.stored, first..last, &mut desk.run);
            self.reader.check(view, &desk.run)?;
            let Desk { fused, run, words, .. } = &mut desk;
            match (&mut *out, fused) {
                ([out], Some(fused)) => self.one(view, fused, run, words, &mut out[held..][..last - first]),
                (out, _) => self.several(view, &mut desk, held, out),
            }
            Ok(())
        });
        spare().push(desk);
        told
    }
}
