//! The index of a table: where its rows lie. `spec/fast.md`, section 5.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;

use super::row::word_bias;
use super::{Params, word_form};
use crate::codec::records::{self, RECORD, Record, is_filling};
use crate::codec::{Stored, TableShape};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::fast::product::{Scale, Shared};
use crate::kernel::fast::row::{RowShape, Symbols, upper};
use crate::kernel::{Backend, prefetch};

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
    pub fn new(shape: TableShape) -> Parts {
        // The longest a chunk can be is all rows plain, and row starts have 16 bits.
        let rows_per_chunk = (usize::from(u16::MAX) / shape.dim.saturating_mul(2).saturating_add(1)).max(1);
        Parts { shape, row: RowShape { dim: shape.dim, split: word_form(shape.dtype) }, rows_per_chunk }
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
pub struct FastReader {
    parts: Parts,
    starts: usize,
    upper: [u8; 16],
    bias: Vec<u16>,
    scale: Option<Scale>,
    backend: Backend,
}

impl FastReader {
    pub(in crate::codec) fn open(
        shape: TableShape,
        params: &Value,
        stored: Stored<'_>,
        backend: Backend,
    ) -> Result<FastReader> {
        // An empty list would do for an empty object, if one asked serde alone.
        let object = params.as_object().map_or(Err("not an object".to_owned()), |_| Ok(()));
        let told = object.and_then(|()| Params::deserialize(params).map(drop).map_err(|e| e.to_string()));
        told.map_err(|e| Error::corrupt(format!("params of codec fast: {e}")))?;
        let parts = Parts::new(shape);
        let have = stored.index.len();
        let Some((starts, tops, end)) = parts.offsets().filter(|&(.., end)| end <= have) else {
            return Err(Error::corrupt(format!("an index of {have} bytes cannot hold {} rows", shape.rows)));
        };
        let bias = &stored.index[tops + TOPS..end];
        let tops = &stored.index[tops..tops + TOPS];
        let mut reader = FastReader {
            parts,
            starts,
            upper: upper(std::array::from_fn(|rank| tops[rank])),
            bias: word_bias(shape.dtype, bias),
            scale: None,
            backend,
        };
        reader.check_rows(stored, &stored.index[end..])?;
        if shape.dtype == Dtype::Bf16 {
            reader.scale = Scale::new(bias);
        }
        Ok(reader)
    }

    /// Row arithmetic cannot fail after this.
    fn check_rows(&self, stored: Stored<'_>, unused: &[u8]) -> Result<()> {
        let mut begin = 0;
        for chunk in 0..self.parts.chunks() {
            let end = self.end(stored, chunk);
            let rows = self.parts.rows_of(chunk);
            let starts = rows.clone().map(|row| self.start(stored, row));
            let rising = starts.clone().is_sorted() && starts.clone().next() == Some(0);
            let inside = end >= begin && starts.max().is_some_and(|last| last as u64 <= end - begin);
            if !rising || !inside || end > stored.payload.len() as u64 {
                return Err(Error::corrupt(format!("record of chunk {chunk} in the index makes no sense")));
            }
            begin = end;
        }
        let guard = &stored.payload[begin as usize..];
        if guard.len() != self.parts.guard(begin)
            || guard.iter().any(|&byte| byte != 0)
            || !is_filling(unused)
        {
            return Err(Error::corrupt("what follows the rows or the index is no padding"));
        }
        Ok(())
    }

    fn start(&self, stored: Stored<'_>, row: usize) -> usize {
        let at = self.starts + 2 * row;
        usize::from(u16::from_le_bytes([stored.index[at], stored.index[at + 1]]))
    }

    fn end(&self, stored: Stored<'_>, chunk: usize) -> u64 {
        Record::get(stored.index, chunk).end
    }

    fn begin(&self, stored: Stored<'_>, chunk: usize) -> usize {
        Record::before(stored.index, chunk).end as usize
    }

    /// Where a row lies in the payload, found in constant time.
    pub fn row(&self, stored: Stored<'_>, row: usize) -> Range<usize> {
        let chunk = self.chunk_of_row(row);
        let begin = self.begin(stored, chunk);
        let last = row + 1 == self.parts.rows_of(chunk).end;
        let end = if last { self.end(stored, chunk) as usize } else { begin + self.start(stored, row + 1) };
        begin + self.start(stored, row)..end
    }

    /// Asks memory for what [`FastReader::row`] will read.
    pub fn ask(&self, stored: Stored<'_>, row: usize) {
        prefetch(&stored.index[self.starts + 2 * row..][..2]);
        prefetch(&stored.index[self.chunk_of_row(row) * RECORD..][..RECORD]);
    }

    /// Where the rows `rows` begin, and where the last of them ends: a row ends where the next one begins, in
    /// its chunk or after.
    pub(super) fn run(&self, stored: Stored<'_>, rows: Range<usize>, at: &mut Vec<usize>) {
        at.clear();
        let mut first = rows.start;
        while first < rows.end {
            let chunk = self.chunk_of_row(first);
            let end = rows.end.min(self.rows_of(chunk).end);
            let begin = self.begin(stored, chunk);
            let starts = stored.index[self.starts + 2 * first..self.starts + 2 * end].as_chunks().0;
            at.extend(starts.iter().map(|start| begin + usize::from(u16::from_le_bytes(*start))));
            first = end;
        }
        at.extend(rows.last().map(|last| self.row(stored, last).end));
    }

    /// Rows of the chunks, of which the last may hold fewer.
    pub fn rows_per_chunk(&self) -> usize {
        self.parts.rows_per_chunk
    }

    /// Extent of the table.
    pub fn table(&self) -> TableShape {
        self.parts.shape
    }

    /// Where a chunk lies in the payload, and its checksum.
    pub fn chunk_record(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32) {
        (records::range(stored.index, number), Record::get(stored.index, number).crc32c)
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

    /// What turns codes into words.
    pub fn symbols(&self) -> Symbols<'_> {
        Symbols { upper: &self.upper, bias: &self.bias }
    }

    /// What products need.
    pub fn shared(&self) -> Shared<'_> {
        Shared { shape: self.row_shape(), symbols: self.symbols(), scale: self.scale.as_ref() }
    }

    /// What this table's kernels run on.
    pub fn kernels(&self) -> Backend {
        self.backend
    }
}
