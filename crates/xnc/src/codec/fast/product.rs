//! Products of coded rows: one vector, and some, in loops of their own, others from decoded rows.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::reader::FastReader;
use crate::codec::product::{Arranged, Product, Vectors, together};
use crate::codec::{Reader, View};
use crate::error::Result;
use crate::kernel::bytes_of;
use crate::kernel::fast::product::Fused;
use crate::kernel::fast::product::batch::FusedBatch;
use crate::kernel::fast::row::Row;
use crate::kernel::fast::unpack::Many;

/// Rows that are found and checked together, before they are multiplied: few enough for the second-level cache.
const RUN: usize = 512;

/// Vectors ready for the rows of one table.
pub struct FastProduct {
    reader: Arc<FastReader>,
    arranged: Arranged,
    fused: Loop,
    /// Desks of threads that are done: pieces of a product are short, and making a desk is not.
    spare: Mutex<Vec<Desk>>,
}

/// The loop that multiplies coded rows, where there is one.
#[derive(Clone)]
enum Loop {
    One(Fused),
    Some(FusedBatch),
    None,
}

/// What one thread works with.
struct Desk {
    fused: Loop,
    many: Option<Many>,
    run: Vec<Row>,
    words: Vec<u16>,
}

impl FastProduct {
    pub fn new(reader: Arc<FastReader>, x: Vectors<'_>) -> FastProduct {
        let (table, backend, shape) = (reader.shape(), reader.backend(), reader.row_shape());
        let symbols = reader.symbols();
        let one = match x {
            Vectors::F32(x) if x.len() == table.dim => Fused::f32(backend, shape, symbols, x),
            Vectors::Bf16(x) if x.len() == table.dim => Fused::bf16(backend, shape, symbols, x),
            Vectors::F32(_) | Vectors::Bf16(_) => None,
        };
        let some = || match x {
            Vectors::F32(x) => FusedBatch::f32(backend, shape, symbols, x),
            Vectors::Bf16(x) => FusedBatch::bf16(backend, shape, symbols, x),
        };
        let fused = one.map(Loop::One).or_else(|| some().map(Loop::Some)).unwrap_or(Loop::None);
        let arranged = Arranged::new(backend, table.dtype, table.dim, x);
        FastProduct { reader, arranged, fused, spare: Mutex::default() }
    }

    /// Plain rows times all vectors: what loops for coded rows leave out.
    fn plain(&self, view: &View<'_>, run: &[Row], words: &mut Vec<u16>, out: &mut [&mut [f32]]) {
        for (i, row) in run.iter().enumerate().filter(|(_, row)| row.is_plain()) {
            words.resize(self.reader.shape().dim, 0);
            self.reader.decode_rows(view.stored, &[*row], &[], words);
            self.arranged.block(bytes_of(words), 0, i..i + 1, out);
        }
    }

    /// Rows times all vectors: unpacked once, by the cacheful.
    fn several(&self, view: &View<'_>, desk: &mut Desk, out: &mut [&mut [f32]]) {
        let Desk { many, run, words, .. } = desk;
        let (dim, mut held) = (self.reader.shape().dim, 0);
        for rows in run.chunks(together(dim)) {
            words.resize(rows.len() * dim, 0);
            match many {
                Some(many) => self.reader.decode_many(view.stored, many, rows, words, None),
                None => self.reader.decode_rows(view.stored, rows, &[], words),
            }
            // Nothing is asked for ahead: what was decoded is there.
            self.arranged.block(bytes_of(words), 0, held..held + rows.len(), out);
            held += rows.len();
        }
    }
}

impl Product for FastProduct {
    fn vectors(&self) -> usize {
        self.arranged.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let found = spare().pop();
        let new = || Desk {
            fused: self.fused.clone(),
            many: if let Loop::None = self.fused { self.reader.many() } else { None },
            run: Vec::new(),
            words: Vec::new(),
        };
        let mut desk = found.unwrap_or_else(new);
        let told = rows.clone().step_by(RUN).try_for_each(|first| {
            let last = rows.end.min(first + RUN);
            let held = first - rows.start;
            self.reader.index().run(view.stored, first..last, &mut desk.run);
            self.reader.check(view, &desk.run)?;
            let payload = view.stored.payload;
            let mut out: Vec<&mut [f32]> =
                out.iter_mut().map(|out| &mut out[held..][..last - first]).collect();
            let Desk { fused, run, words, .. } = &mut desk;
            match fused {
                Loop::One(fused) => fused.times(payload, run, out[0]),
                Loop::Some(fused) => fused.times(payload, run, &mut out),
                Loop::None => {
                    self.several(view, &mut desk, &mut out);
                    return Ok(());
                }
            }
            self.plain(view, run, words, &mut out);
            Ok(())
        });
        spare().push(desk);
        told
    }
}
