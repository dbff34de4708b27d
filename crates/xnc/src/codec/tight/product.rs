//! Products of coded rows: one vector in a loop of its own, several from decoded rows.

use std::sync::Arc;

use super::reader::TightReader;
use crate::codec::product::{Arranged, Vectors, together};
use crate::codec::rows::{RowProduct, decoded_first};
use crate::codec::{Reader, View};
use crate::kernel::tight::product::Fused;
use crate::kernel::tight::row::Row;
use crate::kernel::tight::unpack::{Ahead, Unpacker};
use crate::kernel::{Aligned, bytes_of};

/// Vectors ready for the rows of one table.
pub struct TightProduct {
    reader: Arc<TightReader>,
    arranged: Arranged,
    /// A single vector, where there is a loop for it.
    fused: Option<Fused>,
}

/// What one thread works with.
pub struct Desk {
    fused: Option<Fused>,
    unpacker: Unpacker,
    /// Of some rows, from a cache line on: stores across two lines take twice as long.
    words: Aligned<u16>,
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
        TightProduct { reader, arranged, fused }
    }
}

impl RowProduct for TightProduct {
    type Reader = TightReader;
    type Desk = Desk;

    fn reader(&self) -> &TightReader {
        &self.reader
    }

    fn arranged(&self) -> &Arranged {
        &self.arranged
    }

    fn desk(&self) -> Desk {
        let dim = self.reader.shape().dim;
        let words = Aligned::new(together(dim) * dim, 0);
        Desk { fused: self.fused.clone(), unpacker: self.reader.unpacker(), words }
    }

    fn rows(&self, view: &View<'_>, desk: &mut Desk, rows: &[Row], out: &mut [&mut [f32]]) {
        let (stored, dim) = (view.stored, self.reader.shape().dim);
        let Desk { fused, unpacker, words } = desk;
        let mut decode = |rows: &[Row], words: &mut [u16]| {
            self.reader.decode_rows(stored, unpacker, rows, Ahead::run(), words, None)
        };
        let Some(fused) = fused else {
            return decoded_first(&self.arranged, dim, rows, words, out, decode);
        };
        fused.times(stored.payload, rows, out[0]);
        // What the loop leaves out.
        for (i, row) in rows.iter().enumerate().filter(|(_, row)| row.is_plain()) {
            let words = &mut words[..dim];
            decode(std::slice::from_ref(row), words);
            self.arranged.block(bytes_of(words), 0, i..i + 1, out);
        }
    }
}
