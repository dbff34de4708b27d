//! Rows of a table from its payload to words.

use std::ops::Range;
use std::sync::Arc;

use super::layout::FastReader;
use super::product::FastProduct;
use super::row;
use crate::codec::{Product, Reader, Stored, TableShape, Vectors, View};
use crate::error::Result;
use crate::kernel::fast::unpack::{self, Ahead};
use crate::kernel::stream::Stream;
use crate::kernel::{Backend, prefetch};

/// Rows anywhere: so many places are known before the first row is decoded, so many rows are decoded before
/// what the kernel leaves is put right, and memory is asked for so many rows ahead.
const LOOKUPS: usize = 64;
const TOGETHER: usize = 16;
const ROWS_AHEAD: usize = 48;

/// Rows that follow each other: how far ahead in the payload memory is asked for.
const BYTES_AHEAD: usize = 10 * 1024;

/// Rows decoded between stores that go around the caches: their words stay in the nearest one.
const ROWS_FAR: usize = 2;

impl FastReader {
    /// Decodes rows anywhere; `lies` are their ranges.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] where the bytes cannot be those of an encoder.
    pub fn decode_rows(&self, stored: Stored<'_>, lies: &[Range<usize>], out: &mut [u16]) -> Result<()> {
        let dim = self.row_shape().dim.max(1);
        let mut at = [0; LOOKUPS];
        for (lies, out) in lies.chunks(LOOKUPS).zip(out.chunks_mut(LOOKUPS * dim)) {
            let at = &mut at[..lies.len()];
            at.iter_mut().zip(lies).for_each(|(at, lies)| *at = lies.start);
            for lies in &lies[..lies.len().min(ROWS_AHEAD)] {
                prefetch(&stored.payload[lies.clone()]);
            }
            let parts = lies.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * dim));
            for ((lies, out), first) in parts.zip((0..).step_by(TOGETHER)) {
                let next = &at[at.len().min(first + ROWS_AHEAD)..];
                let (rows, ahead) = (&at[first..][..lies.len()], Ahead { at: next, bytes: 0 });
                self.unpack(stored, rows, ahead, out);
                for (lies, out) in lies.iter().zip(out.chunks_exact_mut(dim)) {
                    row::complete(self.row_shape(), self.symbols(), &stored.payload[lies.clone()], out)?;
                }
            }
        }
        Ok(())
    }

    fn unpack(&self, stored: Stored<'_>, at: &[usize], ahead: Ahead<'_>, out: &mut [u16]) {
        unpack::rows(self.kernels(), self.row_shape(), self.symbols(), stored.payload, at, ahead, out);
    }

    /// Decodes rows that follow each other, as [`FastReader::decode_rows`]; through `far`, a few at a time,
    /// if there is one.
    ///
    /// # Errors
    /// As [`FastReader::decode_rows`].
    pub fn decode_run(
        &self,
        stored: Stored<'_>,
        rows: Range<usize>,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()> {
        let (mut at, dim) = (Vec::new(), self.row_shape().dim);
        self.run(stored, rows, &mut at);
        let together = if far.is_some() { ROWS_FAR } else { at.len().max(1) };
        let mut near = vec![0; if far.is_some() { ROWS_FAR * dim } else { 0 }];
        for (number, out) in out.chunks_mut(together * dim).enumerate() {
            let at = &at[number * together..][..out.len() / dim + 1];
            let starts = &at[..at.len() - 1];
            let words = if far.is_some() { &mut near[..out.len()] } else { &mut *out };
            self.unpack(stored, starts, Ahead { at: starts, bytes: BYTES_AHEAD }, words);
            for (ends, words) in at.windows(2).zip(words.chunks_exact_mut(dim)) {
                row::complete(self.row_shape(), self.symbols(), &stored.payload[ends[0]..ends[1]], words)?;
            }
            if let Some(far) = far {
                far.copy(&near[..out.len()], out);
            }
        }
        Ok(())
    }
}

impl Reader for FastReader {
    fn shape(&self) -> TableShape {
        self.table()
    }

    fn backend(&self) -> Backend {
        self.kernels()
    }

    fn chunk_words(&self) -> usize {
        (self.rows_per_chunk() * self.table().dim).max(1)
    }

    fn chunk(&self, stored: Stored<'_>, number: usize) -> Option<(Range<usize>, u32)> {
        Some(self.chunk_record(stored, number))
    }

    fn decode(
        &self,
        view: &View<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()> {
        let stored = view.stored;
        let dim = self.table().dim;
        let mut row = self.rows_of(number).start + first / dim;
        // What is left of a row that the first word stands in, whole rows, and the beginning of one more.
        let skip = first % dim;
        let (part, out) = out.split_at_mut(out.len().min((dim - skip) % dim));
        if !part.is_empty() {
            self.decode_part(stored, row, skip, part)?;
            row += 1;
        }
        let whole = out.len() / dim;
        let (out, part) = out.split_at_mut(whole * dim);
        self.decode_run(stored, row..row + whole, out, far)?;
        if part.is_empty() { Ok(()) } else { self.decode_part(stored, row + whole, 0, part) }
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let stored = view.stored;
        let mut lies = [const { 0..0 }; LOOKUPS];
        let later = ids.chunks(LOOKUPS).skip(1).chain([&[][..]]);
        let blocks = ids.chunks(LOOKUPS).zip(out.chunks_mut(LOOKUPS * self.table().dim));
        for ((ids, out), later) in blocks.zip(later) {
            for (lies, &id) in lies.iter_mut().zip(ids) {
                view.check(self.chunk_of_row(id))?;
                *lies = self.row(stored, id);
            }
            // Meanwhile the index is asked for the places of the next rows.
            later.iter().for_each(|&id| self.ask(stored, id));
            self.decode_rows(stored, &lies[..ids.len()], out)?;
        }
        Ok(())
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Box::new(FastProduct::new(self, x))
    }
}

impl FastReader {
    /// Some words of a row, from word `skip` on.
    fn decode_part(&self, stored: Stored<'_>, row: usize, skip: usize, out: &mut [u16]) -> Result<()> {
        let mut whole = vec![0; self.table().dim];
        self.decode_run(stored, row..row + 1, &mut whole, None)?;
        out.copy_from_slice(&whole[skip..][..out.len()]);
        Ok(())
    }
}
