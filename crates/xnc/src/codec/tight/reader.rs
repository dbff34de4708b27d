//! An open table: rows to words.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::by_place;
use super::index::{BLOCK, Index};
use super::product::TightProduct;
use crate::codec::pages::PAGE;
use crate::codec::records::is_filling;
use crate::codec::{Product, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::kernel::stream::Stream;
use crate::kernel::tight::row::{CODED, LEVELS, Row, RowShape, Symbols};
use crate::kernel::tight::unpack::Unpacker;
use crate::kernel::{Backend, prefetch};

/// Rows anywhere: so many places are known before the first row is decoded, so many rows are decoded together,
/// and memory is asked for so many rows ahead.
const LOOKUPS: usize = 64;
const TOGETHER: usize = 8;
const ROWS_AHEAD: usize = 32;

/// Rows decoded between stores that go around the caches: their words stay in the nearest one.
const ROWS_FAR: usize = 8;

/// Words that are decoded in one go: as many as the second-level cache takes with ease.
const PART: usize = 1 << 15;

/// Where the rows of a table lie and what their codes mean; made by reading the whole index once.
pub struct TightReader {
    index: Index,
    levels: [[u8; 1 + CODED]; LEVELS],
    /// By place.
    bias: Vec<u8>,
    usual: [usize; 2],
    backend: Backend,
}

impl TightReader {
    pub(in crate::codec) fn open(
        shape: TableShape,
        params: &Value,
        stored: Stored<'_>,
        backend: Backend,
    ) -> Result<TightReader> {
        if params.as_object().is_none_or(|params| !params.is_empty()) {
            return Err(Error::corrupt("params of codec tight: not an empty object"));
        }
        let have = stored.index.len();
        let index = Index::new(shape, stored.payload.len());
        let index = index.filter(|index| index.bytes().next_multiple_of(64) == have);
        let Some(index) = index.filter(|index| is_filling(&stored.index[index.bytes()..])) else {
            return Err(Error::corrupt(format!(
                "an index of {have} bytes is not that of {} rows",
                shape.rows
            )));
        };
        if !index.holds(stored) {
            return Err(Error::corrupt("rows do not lie where the index says, or do not fill the payload"));
        }
        let (symbols, bias) = index.codes(stored);
        let mut levels = [[0; 1 + CODED]; LEVELS];
        for (level, symbols) in levels.iter_mut().zip(symbols.chunks_exact(CODED)) {
            level[1..].copy_from_slice(symbols);
        }
        let bias = by_place(index.row, bias);
        Ok(TightReader { index, levels, bias, usual: index.usual(stored), backend })
    }

    /// Where rows lie.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What turns codes into words.
    pub fn symbols(&self) -> Symbols<'_> {
        Symbols { levels: self.levels, bias: &self.bias, usual: self.usual }
    }

    /// Extent of the coded rows.
    pub fn row_shape(&self) -> RowShape {
        self.index.row
    }

    /// What decodes rows of this table.
    pub fn unpacker(&self) -> Unpacker {
        Unpacker::new(self.backend, self.index.row)
    }

    /// Checks the pages that rows which follow each other lie in.
    pub fn check(&self, view: &View<'_>, rows: &[Row]) -> Result<()> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let end = last.at + self.index.length(*last);
        (first.at / PAGE..end.div_ceil(PAGE)).try_for_each(|page| view.check(page))
    }

    /// Decodes rows; those that are plain are copied.
    pub fn decode_rows(&self, stored: Stored<'_>, unpacker: &mut Unpacker, rows: &[Row], out: &mut [u16]) {
        let dim = self.index.table.dim;
        unpacker.rows(self.symbols(), stored.payload, rows, out);
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(dim)).filter(|(row, _)| row.is_plain()) {
            Words::new(&stored.payload[row.at..][..2 * dim]).read(0, out);
        }
    }

    /// Some words of a row, from word `skip` on.
    fn decode_part(
        &self,
        stored: Stored<'_>,
        unpacker: &mut Unpacker,
        row: Row,
        skip: usize,
        out: &mut [u16],
    ) {
        let mut whole = vec![0; self.index.table.dim];
        self.decode_rows(stored, unpacker, &[row], &mut whole);
        out.copy_from_slice(&whole[skip..][..out.len()]);
    }
}

impl Reader for TightReader {
    fn shape(&self) -> TableShape {
        self.index.table
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn chunk_words(&self) -> usize {
        let dim = self.index.table.dim.max(1);
        (PART / dim).clamp(1, BLOCK) * dim
    }

    fn units(&self, stored: Stored<'_>) -> usize {
        stored.payload.len().div_ceil(PAGE)
    }

    fn model_bytes(&self) -> usize {
        self.index.codes_bytes()
    }

    fn unit_name(&self) -> &'static str {
        "page"
    }

    fn units_of(&self, stored: Stored<'_>, words: Range<usize>) -> Range<usize> {
        let dim = self.index.table.dim.max(1);
        if words.is_empty() {
            return 0..0;
        }
        let [first, last] = [words.start / dim, (words.end - 1) / dim].map(|row| self.index.row(stored, row));
        first.at / PAGE..(last.at + self.index.length(last)).div_ceil(PAGE)
    }

    fn unit(&self, stored: Stored<'_>, number: usize) -> Option<(Range<usize>, u32)> {
        Some(self.index.page(stored, number))
    }

    fn decode(
        &self,
        view: &View<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()> {
        let (stored, dim) = (view.stored, self.index.table.dim);
        if out.is_empty() {
            return Ok(());
        }
        let first = number * self.chunk_words() + first;
        let mut rows = Vec::new();
        self.index.run(stored, first / dim..(first + out.len()).div_ceil(dim), &mut rows);
        let (mut rows, mut unpacker) = (&rows[..], self.unpacker());
        // What is left of a row that the first word stands in, whole rows, and the beginning of one more.
        let skip = first % dim;
        let (part, out) = out.split_at_mut(out.len().min((dim - skip) % dim));
        if !part.is_empty()
            && let Some(row) = rows.split_off_first()
        {
            self.decode_part(stored, &mut unpacker, *row, skip, part);
        }
        let (out, part) = out.split_at_mut(out.len() / dim * dim);
        let (whole, last) = rows.split_at(out.len() / dim);
        match far {
            None => self.decode_rows(stored, &mut unpacker, whole, out),
            Some(far) => {
                let mut near = vec![0; ROWS_FAR * dim];
                for (rows, out) in whole.chunks(ROWS_FAR).zip(out.chunks_mut(ROWS_FAR * dim)) {
                    let near = &mut near[..out.len()];
                    self.decode_rows(stored, &mut unpacker, rows, near);
                    far.copy(near, out);
                }
            }
        }
        if let Some(row) = last.first() {
            self.decode_part(stored, &mut unpacker, *row, 0, part);
        }
        Ok(())
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let (stored, dim) = (view.stored, self.index.table.dim);
        let (mut rows, mut unpacker) = ([Row::default(); LOOKUPS], self.unpacker());
        let ask = |row: &Row| prefetch(&stored.payload[row.at..][..self.index.length(*row)]);
        let later = ids.chunks(LOOKUPS).skip(1).chain([&[][..]]);
        for ((ids, out), later) in ids.chunks(LOOKUPS).zip(out.chunks_mut(LOOKUPS * dim)).zip(later) {
            let rows = &mut rows[..ids.len()];
            rows.iter_mut().zip(ids).for_each(|(row, &id)| *row = self.index.row(stored, id));
            rows.iter().take(ROWS_AHEAD).for_each(ask);
            // Meanwhile the index is asked for the places of the next rows.
            later.iter().for_each(|&id| self.index.ask(stored, id));
            let parts = rows.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * dim));
            for ((part, out), first) in parts.zip((0..).step_by(TOGETHER)) {
                part.iter().try_for_each(|row| self.check(view, std::slice::from_ref(row)))?;
                rows.iter().skip(first + ROWS_AHEAD).take(TOGETHER).for_each(ask);
                self.decode_rows(stored, &mut unpacker, part, out);
            }
        }
        Ok(())
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Box::new(TightProduct::new(self, x))
    }
}
