//! The index of a table: where its rows lie. `spec/fast.md`, section 5.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::row::{self, word_bias};
use super::{Coding, Params};
use crate::codec::{ChunkLayout, Stored, TableShape};
use crate::error::{Error, Result};
use crate::kernel::row::{RowShape, Symbols};
use crate::kernel::{Backend, unpack, widen};

/// Bytes of a chunk record.
pub const RECORD: usize = 16;

/// Bytes of the symbols that have a code, filled to eight.
const TOPS: usize = 8;

/// How a table divides; follows from its shape alone.
#[derive(Clone, Copy)]
pub struct Parts {
    shape: TableShape,
    row: RowShape,
    rows_per_chunk: usize,
}

impl Parts {
    pub fn new(shape: TableShape, coding: Coding) -> Parts {
        // The longest a chunk can be is all rows plain, and row starts have 16 bits.
        let rows_per_chunk = (usize::from(u16::MAX) / shape.dim.saturating_mul(2).saturating_add(1)).max(1);
        Parts { shape, row: RowShape { dim: shape.dim, form: coding.form() }, rows_per_chunk }
    }

    pub fn chunks(&self) -> usize {
        if self.shape.dim == 0 { 0 } else { self.shape.rows.div_ceil(self.rows_per_chunk) }
    }

    pub fn rows_of(&self, chunk: usize) -> Range<usize> {
        let first = chunk * self.rows_per_chunk;
        first..self.shape.rows.min(first + self.rows_per_chunk)
    }

    /// Zero bytes after the last row of a payload whose chunks end at `end`.
    pub fn guard(&self, end: u64) -> usize {
        let after = end + self.row.reach() as u64;
        (after.next_multiple_of(64) - end) as usize
    }

    /// Where the row starts and the symbols begin in the index, and where it ends.
    fn offsets(&self) -> Option<(usize, usize, usize)> {
        let starts = self.chunks().checked_mul(RECORD)?;
        let rows = if self.shape.dim == 0 { 0 } else { self.shape.rows };
        let tops = starts.checked_add(rows.checked_mul(2)?)?;
        Some((starts, tops, tops.checked_add(TOPS)?.checked_add(self.shape.dim)?))
    }
}

/// Where the rows of a table lie and what their codes mean; made by reading the whole index once.
pub struct Layout {
    parts: Parts,
    coding: Coding,
    starts: usize,
    upper: [u8; 16],
    bias: Vec<u16>,
    scale: Option<Vec<f32>>,
    backend: Backend,
}

impl Layout {
    pub(in crate::codec) fn open(shape: TableShape, params: &Value, stored: Stored<'_>) -> Result<Layout> {
        let params =
            Params::deserialize(params).map_err(|e| Error::corrupt(format!("params of codec fast: {e}")))?;
        let coding = params.coding;
        if (coding == Coding::Bf16) != (shape.dtype == crate::dtype::Dtype::Bf16) {
            return Err(Error::corrupt(format!("a table of {} cannot be coded as {coding:?}", shape.dtype)));
        }
        let parts = Parts::new(shape, coding);
        let have = stored.index.len();
        let Some((starts, tops, end)) = parts.offsets().filter(|&(.., end)| end <= have) else {
            return Err(Error::corrupt(format!("an index of {have} bytes cannot hold {} rows", shape.rows)));
        };
        let bias = &stored.index[tops + TOPS..end];
        let tops = &stored.index[tops..tops + TOPS];
        let mut layout = Layout {
            parts,
            coding,
            starts,
            upper: upper(tops),
            bias: word_bias(coding, bias),
            scale: None,
            backend: Backend::best(),
        };
        layout.check_rows(stored, &stored.index[end..])?;
        if coding.form() == crate::kernel::row::Form::Bf16 {
            layout.scale = scale(&tops[..7], bias);
        }
        Ok(layout)
    }

    /// Row arithmetic cannot fail after this.
    fn check_rows(&self, stored: Stored<'_>, unused: &[u8]) -> Result<()> {
        let mut begin = 0;
        for chunk in 0..self.parts.chunks() {
            let end = self.end(stored, chunk);
            let rows = self.parts.rows_of(chunk);
            let starts = rows.clone().map(|row| self.start(stored, row));
            let rising = starts.clone().is_sorted() && starts.clone().next() == Some(0);
            let inside = end >= begin && starts.last().is_some_and(|last| last as u64 <= end - begin);
            if !rising || !inside || end > stored.payload.len() as u64 {
                return Err(Error::corrupt(format!("record of chunk {chunk} in the index makes no sense")));
            }
            begin = end;
        }
        let guard = &stored.payload[begin as usize..];
        if guard.len() != self.parts.guard(begin) || unused.len() >= 64 {
            return Err(Error::corrupt("payload or index has the wrong length"));
        }
        if guard.iter().chain(unused).any(|&byte| byte != 0) {
            return Err(Error::corrupt("padding of payload or index is not zero"));
        }
        Ok(())
    }

    fn start(&self, stored: Stored<'_>, row: usize) -> usize {
        let at = self.starts + 2 * row;
        usize::from(u16::from_le_bytes([stored.index[at], stored.index[at + 1]]))
    }

    fn end(&self, stored: Stored<'_>, chunk: usize) -> u64 {
        u64::from_le_bytes(stored.index[chunk * RECORD..][..8].try_into().expect("eight bytes"))
    }

    fn begin(&self, stored: Stored<'_>, chunk: usize) -> usize {
        chunk.checked_sub(1).map_or(0, |before| self.end(stored, before) as usize)
    }

    /// Where a row lies in the payload, found in constant time.
    pub fn row(&self, stored: Stored<'_>, row: usize) -> Range<usize> {
        let chunk = self.chunk_of_row(row);
        let begin = self.begin(stored, chunk);
        let last = row + 1 == self.parts.rows_of(chunk).end;
        let end = if last { self.end(stored, chunk) as usize } else { begin + self.start(stored, row + 1) };
        begin + self.start(stored, row)..end
    }

    /// Where the rows `rows` of one chunk begin, and where the last of them ends.
    fn run(&self, stored: Stored<'_>, chunk: usize, rows: Range<usize>, at: &mut Vec<usize>) {
        let begin = self.begin(stored, chunk);
        let starts = &stored.index[self.starts + 2 * rows.start..self.starts + 2 * rows.end];
        at.clear();
        at.extend(starts.as_chunks().0.iter().map(|start| begin + usize::from(u16::from_le_bytes(*start))));
        at.push(self.row(stored, rows.end - 1).end);
    }

    /// The chunk that holds row `row`.
    pub fn chunk_of_row(&self, row: usize) -> usize {
        row / self.parts.rows_per_chunk
    }

    /// The rows of a chunk.
    pub fn rows_of(&self, chunk: usize) -> Range<usize> {
        self.parts.rows_of(chunk)
    }

    /// Extent of the coded rows.
    pub fn row_shape(&self) -> RowShape {
        self.parts.row
    }

    /// What the words are coded as.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// What turns codes into words.
    pub fn symbols(&self) -> Symbols<'_> {
        Symbols { upper: &self.upper, bias: &self.bias }
    }

    /// Each column's bias as a factor, where [`crate::kernel::product`] may take it out of its loop.
    pub fn scale(&self) -> Option<&[f32]> {
        self.scale.as_deref()
    }

    /// What this table's kernels run on.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Decodes rows anywhere to the words that were coded: [`Coding::dtype`], not always the table's. `lies` are their ranges.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
    pub fn decode_coded(&self, stored: Stored<'_>, lies: &[Range<usize>], out: &mut [u16]) -> Result<()> {
        let dim = self.parts.row.dim;
        let mut at = [0; 64];
        for (lies, out) in lies.chunks(at.len()).zip(out.chunks_mut(at.len() * dim.max(1))) {
            at.iter_mut().zip(lies).for_each(|(at, lies)| *at = lies.start);
            unpack::rows(
                self.backend,
                self.parts.row,
                self.symbols(),
                stored.payload,
                &at[..lies.len()],
                out,
            );
            for (lies, out) in lies.iter().zip(out.chunks_exact_mut(dim.max(1))) {
                row::complete(self.parts.row, self.symbols(), &stored.payload[lies.clone()], out)?;
            }
        }
        Ok(())
    }

    /// Decodes rows that follow each other in a chunk, as [`Layout::decode_coded`]; `at` is for its own use.
    ///
    /// # Errors
    /// As [`Layout::decode_coded`].
    pub fn decode_run(
        &self,
        stored: Stored<'_>,
        chunk: usize,
        rows: Range<usize>,
        at: &mut Vec<usize>,
        out: &mut [u16],
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run(stored, chunk, rows, at);
        let (starts, ends) = (&at[..at.len() - 1], &at[1..]);
        unpack::rows(self.backend, self.parts.row, self.symbols(), stored.payload, starts, out);
        for ((&start, &end), out) in starts.iter().zip(ends).zip(out.chunks_exact_mut(self.parts.row.dim)) {
            row::complete(self.parts.row, self.symbols(), &stored.payload[start..end], out)?;
        }
        Ok(())
    }

    /// Multiplies rows that follow each other in a chunk by `kernel`, and those that it leaves out by `decoded`, which gets their words.
    ///
    /// # Errors
    /// As [`Layout::decode_coded`].
    pub fn multiply_run(
        &self,
        stored: Stored<'_>,
        rows: Range<usize>,
        at: &mut Vec<usize>,
        out: &mut [f32],
        kernel: impl FnOnce(&[usize], &mut [f32]),
        mut decoded: impl FnMut(&[u16]) -> f32,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.run(stored, self.chunk_of_row(rows.start), rows, at);
        let (starts, ends) = (&at[..at.len() - 1], &at[1..]);
        kernel(starts, out);
        let mut words = Vec::new();
        for ((&start, &end), out) in starts.iter().zip(ends).zip(out) {
            if stored.payload[start] != 0 {
                words.resize(self.parts.row.dim, 0);
                self.decode_coded(stored, &[start..end], &mut words)?;
                *out = decoded(&words);
            }
        }
        Ok(())
    }

    /// Turns words as they were coded into the source's.
    pub fn finish(&self, words: &mut [u16]) {
        if self.coding == Coding::Bf16InF16 {
            widen::to_f16(self.backend, words);
        }
    }
}

/// Upper bytes by code, in the order that `kernel::row::code_planes` gives. `spec/fast.md`, section 4.
fn upper(tops: &[u8]) -> [u8; 16] {
    let positive = [tops[0], tops[1], tops[2], 0, tops[6], tops[5], tops[4], tops[3]];
    std::array::from_fn(|code| positive[code % 8] | if code < 8 { 0 } else { 0x80 })
}

/// Biases as powers of two, if every word that a code can stand for is a normal number with its bias and without.
fn scale(tops: &[u8], bias: &[u8]) -> Option<Vec<f32>> {
    let normal = |exponent: i32| (1..=254).contains(&exponent);
    let all_normal = |bias: i32| {
        tops.iter()
            .flat_map(|&top| [2 * i32::from(top), 2 * i32::from(top) + 1])
            .all(|e| normal(e) && normal(e + bias))
    };
    bias.iter()
        .map(|&bias| {
            let bias = i32::from(bias.cast_signed());
            (all_normal(bias) && normal(127 + bias)).then(|| f32::from_bits(((127 + bias) as u32) << 23))
        })
        .collect()
}

impl ChunkLayout for Layout {
    fn shape(&self) -> TableShape {
        self.parts.shape
    }

    fn chunk_words(&self) -> usize {
        (self.parts.rows_per_chunk * self.parts.shape.dim).max(1)
    }

    fn record(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32) {
        let crc = &stored.index[number * RECORD + 8..][..4];
        let range = self.begin(stored, number)..self.end(stored, number) as usize;
        (range, u32::from_le_bytes(crc.try_into().expect("four bytes")))
    }

    fn decode(&self, stored: Stored<'_>, number: usize, first: usize, out: &mut [u16]) -> Result<()> {
        let dim = self.parts.shape.dim;
        let first_row = self.parts.rows_of(number).start;
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
                self.decode_run(stored, number, row..row + here / dim, &mut at, part)?;
                self.finish(part);
                row += here / dim;
            } else {
                let mut whole = vec![0; dim];
                self.decode_run(stored, number, row..row + 1, &mut at, &mut whole)?;
                self.finish(&mut whole);
                part.copy_from_slice(&whole[skip..skip + here]);
                row += 1;
            }
            (rest, skip) = (after, 0);
        }
        Ok(())
    }
}
