//! Rows of a table from its payload: to words, and to products.

use std::ops::Range;

use super::layout::Layout;
use super::{Coding, row};
use crate::codec::{ChunkLayout, Stored, TableShape};
use crate::error::Result;
use crate::kernel::product::{Fused, Rows};
use crate::kernel::{unpack, widen};

/// What a run of products writes on its way, to be kept for the next.
#[derive(Default)]
pub struct Room {
    at: Vec<usize>,
    left: Vec<usize>,
    words: Vec<u16>,
}

impl Layout {
    /// Decodes rows anywhere to the words that were coded: [`Coding::dtype`], not always the table's. `lies` are their ranges.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
    pub fn decode_coded(&self, stored: Stored<'_>, lies: &[Range<usize>], out: &mut [u16]) -> Result<()> {
        let dim = self.row_shape().dim;
        let mut at = [0; 64];
        for (lies, out) in lies.chunks(at.len()).zip(out.chunks_mut(at.len() * dim.max(1))) {
            at.iter_mut().zip(lies).for_each(|(at, lies)| *at = lies.start);
            unpack::rows(
                self.backend(),
                self.row_shape(),
                self.symbols(),
                stored.payload,
                &at[..lies.len()],
                out,
            );
            for (lies, out) in lies.iter().zip(out.chunks_exact_mut(dim.max(1))) {
                row::complete(self.row_shape(), self.symbols(), &stored.payload[lies.clone()], out)?;
            }
        }
        Ok(())
    }

    /// Decodes rows that follow each other, as [`Layout::decode_coded`]; `at` is for its own use.
    ///
    /// # Errors
    /// As [`Layout::decode_coded`].
    pub fn decode_run(
        &self,
        stored: Stored<'_>,
        rows: Range<usize>,
        at: &mut Vec<usize>,
        out: &mut [u16],
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run(stored, rows, at);
        let (starts, ends) = (&at[..at.len() - 1], &at[1..]);
        unpack::rows(self.backend(), self.row_shape(), self.symbols(), stored.payload, starts, out);
        for ((&start, &end), out) in starts.iter().zip(ends).zip(out.chunks_exact_mut(self.row_shape().dim)) {
            row::complete(self.row_shape(), self.symbols(), &stored.payload[start..end], out)?;
        }
        Ok(())
    }

    /// Multiplies rows that follow each other by `kernel`, and those that it leaves by `decoded`, which gets their words.
    ///
    /// # Errors
    /// As [`Layout::decode_coded`].
    pub fn multiply_run(
        &self,
        stored: Stored<'_>,
        rows: Range<usize>,
        room: &mut Room,
        out: &mut [f32],
        kernel: &mut Fused,
        mut decoded: impl FnMut(&[u16]) -> f32,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let Room { at, left, words } = room;
        self.run(stored, rows, at);
        left.clear();
        kernel.times(Rows { payload: stored.payload, at }, out, left);
        for &row in &*left {
            words.resize(self.row_shape().dim, 0);
            self.decode_coded(stored, std::slice::from_ref(&(at[row]..at[row + 1])), words)?;
            out[row] = decoded(words);
        }
        Ok(())
    }

    /// Turns words as they were coded into the source's.
    pub fn finish(&self, words: &mut [u16]) {
        if self.coding() == Coding::Bf16InF16 {
            widen::to_f16(self.backend(), words);
        }
    }
}

impl ChunkLayout for Layout {
    fn shape(&self) -> TableShape {
        self.table()
    }

    fn chunk_words(&self) -> usize {
        Layout::chunk_words(self)
    }

    fn record(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32) {
        self.chunk(stored, number)
    }

    fn decode(&self, stored: Stored<'_>, number: usize, first: usize, out: &mut [u16]) -> Result<()> {
        let dim = self.table().dim;
        let first_row = self.rows_of(number).start;
        let mut at = Vec::new();
        let (mut row, mut skip) = (first_row + first / dim, first % dim);
        let mut rest = out;
        while !rest.is_empty() {
            let here = if skip == 0 && rest.len() >= dim {
                rest.len() / dim * dim
            } else {
                rest.len().min(dim - skip)
            };
            let (part, after) = rest.split_at_mut(here);
            if here >= dim {
                self.decode_run(stored, row..row + here / dim, &mut at, part)?;
                self.finish(part);
                row += here / dim;
            } else {
                let mut whole = vec![0; dim];
                self.decode_run(stored, row..row + 1, &mut at, &mut whole)?;
                self.finish(&mut whole);
                part.copy_from_slice(&whole[skip..skip + here]);
                row += 1;
            }
            (rest, skip) = (after, 0);
        }
        Ok(())
    }
}
