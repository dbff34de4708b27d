//! Products of coded rows: one vector, and some, in loops of their own, others from decoded rows.

use std::sync::Arc;

use super::reader::FastReader;
use crate::codec::product::{Arranged, Vectors, together};
use crate::codec::rows::{RowProduct, decoded_first};
use crate::codec::{Reader, View};
use crate::kernel::fast::product::Fused;
use crate::kernel::fast::product::batch::FusedBatch;
use crate::kernel::fast::row::Row;
use crate::kernel::fast::unpack::Many;
use crate::kernel::{Aligned, bytes_of};

/// Vectors ready for the rows of one table.
pub struct FastProduct {
    reader: Arc<FastReader>,
    arranged: Arranged,
    fused: Loop,
}

/// The loop that multiplies coded rows, where there is one.
#[derive(Clone)]
enum Loop {
    One(Fused),
    Some(FusedBatch),
    None,
}

/// What one thread works with.
pub struct Desk {
    fused: Loop,
    many: Option<Many>,
    /// Of some rows, from a cache line on: stores across two lines take twice as long.
    words: Aligned<u16>,
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
        FastProduct { reader, arranged, fused }
    }

    /// Plain rows times all vectors: what loops for coded rows leave out.
    fn plain(&self, view: &View<'_>, run: &[Row], words: &mut [u16], out: &mut [&mut [f32]]) {
        for (i, row) in run.iter().enumerate().filter(|(_, row)| row.is_plain()) {
            let words = &mut words[..self.reader.shape().dim];
            self.reader.decode_rows(view.stored, &[*row], &[], words);
            self.arranged.block(bytes_of(words), 0, i..i + 1, out);
        }
    }
}

impl RowProduct for FastProduct {
    type Reader = FastReader;
    type Desk = Desk;

    fn reader(&self) -> &FastReader {
        &self.reader
    }

    fn arranged(&self) -> &Arranged {
        &self.arranged
    }

    fn desk(&self) -> Desk {
        let dim = self.reader.shape().dim;
        let many = if let Loop::None = self.fused { self.reader.many() } else { None };
        Desk { fused: self.fused.clone(), many, words: Aligned::new(together(dim) * dim, 0) }
    }

    fn rows(&self, view: &View<'_>, desk: &mut Desk, rows: &[Row], out: &mut [&mut [f32]]) {
        let stored = view.stored;
        let Desk { fused, many, words } = desk;
        match fused {
            Loop::One(fused) => fused.times(stored.payload, rows, out[0]),
            Loop::Some(fused) => fused.times(stored.payload, rows, out),
            Loop::None => {
                let dim = self.reader.shape().dim;
                return decoded_first(&self.arranged, dim, rows, words, out, |rows, words| match many {
                    Some(many) => self.reader.decode_many(stored, many, rows, words, None),
                    None => self.reader.decode_rows(stored, rows, &[], words),
                });
            }
        }
        self.plain(view, rows, words, out);
    }
}
