//! Products of coded rows: in one loop where the machine has one, from decoded rows elsewhere.

use std::ops::Range;
use std::sync::Arc;

use super::layout::FastReader;
use crate::codec::product::{Arranged, Product, Vectors};
use crate::codec::{Stored, View};
use crate::error::Result;
use crate::kernel::fast::product::{Fused, Rows};

/// Chunks of coded rows that one vector takes in one go, after all are checked: few enough for the second-level cache.
const RUN_CHUNKS: usize = 8;

/// Vectors ready for the rows of one table.
pub struct FastProduct {
    reader: Arc<FastReader>,
    arranged: Arranged,
    /// A single vector, where there is a loop for it; BF16 times the biases of its columns, where that is exact.
    fused: Option<Fused>,
}

/// What a run of products writes on its way, to be kept for the next.
#[derive(Default)]
struct Room {
    at: Vec<usize>,
    left: Vec<usize>,
    words: Vec<u16>,
}

impl FastProduct {
    pub fn new(reader: Arc<FastReader>, x: Vectors<'_>) -> FastProduct {
        let (table, backend) = (reader.table(), reader.kernels());
        let fused = match x {
            Vectors::F32(x) if x.len() == table.dim => Fused::f32(backend, reader.shared(), x),
            Vectors::Bf16(x) if x.len() == table.dim => Fused::bf16(backend, reader.shared(), x),
            Vectors::F32(_) | Vectors::Bf16(_) => None,
        };
        let arranged = Arranged::new(backend, table.dtype, table.dim, x);
        FastProduct { reader, arranged, fused }
    }

    /// Multiplies rows that follow each other, and those that the loop leaves by way of their words.
    fn run(
        &self,
        stored: Stored<'_>,
        rows: Range<usize>,
        room: &mut Room,
        out: &mut [f32],
        fused: &mut Fused,
    ) -> Result<()> {
        let Room { at, left, words } = room;
        self.reader.run(stored, rows, at);
        left.clear();
        fused.times(Rows { payload: stored.payload, at }, out, left);
        for &row in &*left {
            words.resize(self.reader.table().dim, 0);
            self.reader.decode_rows(stored, std::slice::from_ref(&(at[row]..at[row + 1])), words)?;
            out[row] = self.arranged.row(0, words);
        }
        Ok(())
    }
}

impl Product for FastProduct {
    fn vectors(&self) -> usize {
        self.arranged.count()
    }

    fn times(&self, view: &View<'_>, rows: Range<usize>, out: &mut [&mut [f32]]) -> Result<()> {
        let ([rest], Some(fused)) = (&mut *out, &self.fused) else {
            return self.arranged.decoded(view, rows, out);
        };
        let (mut fused, mut room) = (fused.clone(), Room::default());
        let (mut first, mut rest) = (rows.start, &mut **rest);
        while first < rows.end {
            let chunk = self.reader.chunk_of_row(first);
            let last = self.reader.chunk_of_row(rows.end - 1).min(chunk + RUN_CHUNKS - 1);
            (chunk..=last).try_for_each(|chunk| view.check(chunk))?;
            let run = first..rows.end.min(self.reader.rows_of(last).end);
            let (part, after) = rest.split_at_mut(run.len());
            self.run(view.stored, run.clone(), &mut room, part, &mut fused)?;
            (first, rest) = (run.end, after);
        }
        Ok(())
    }
}
