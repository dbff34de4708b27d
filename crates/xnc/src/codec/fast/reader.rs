//! An open table: rows to words.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::by_place;
use super::index::{BLOCK, Index, Placing, SYMBOLS};
use super::product::FastProduct;
use crate::codec::pages::PAGE;
use crate::codec::records::is_filling;
use crate::codec::{Product, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::kernel::fast::row::{Row, RowShape, STEP, Symbols};
use crate::kernel::fast::unpack::{self, Ahead, Many};
use crate::kernel::stream::Stream;
use crate::kernel::{Backend, prefetch};

/// Rows anywhere: so many places are known before the first row is decoded, so many rows are decoded together,
/// and memory is asked for so many rows ahead.
const LOOKUPS: usize = 64;
const TOGETHER: usize = 16;
const ROWS_AHEAD: usize = 48;

/// Rows for which making what decodes many is not worth it.
const FEW: usize = 4;

/// Rows decoded between stores that go around the caches: their words stay in the nearest one.
const ROWS_FAR: usize = 2;

/// Words that are decoded in one go: as many as the second-level cache takes with ease.
const PART: usize = 1 << 15;

/// Where the rows of a table lie and what their codes mean; made by reading the whole index once.
pub struct FastReader {
    index: Index,
    ranked: [u8; 4],
    added: [u8; 16],
    /// By place.
    bias: Vec<u8>,
    phase: u16,
    /// Entries that four rows in five do not exceed.
    listed: usize,
    backend: Backend,
}

impl FastReader {
    pub(in crate::codec) fn open(
        shape: TableShape,
        params: &Value,
        stored: Stored<'_>,
        backend: Backend,
    ) -> Result<FastReader> {
        // A list of two numbers would do, if one asked serde alone.
        let object = params.as_object().map_or(Err("not an object".to_owned()), |_| Ok(()));
        let placing = object.and_then(|()| Placing::deserialize(params).map_err(|e| e.to_string()));
        let placing =
            placing.and_then(|placing| placing.is_valid().then_some(placing).ok_or("no such places".into()));
        let placing = placing.map_err(|e| Error::corrupt(format!("params of codec fast: {e}")))?;
        let have = stored.index.len();
        let index = Index::new(shape, placing, stored.payload.len());
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
        let ranked = std::array::from_fn(|rank| symbols[rank]);
        let mut added = std::array::from_fn(|code| symbols[4 + code].wrapping_sub(ranked[0]));
        added[STEP] = 0;
        let phase = match symbols[SYMBOLS - 1] {
            phase @ 0..=1 => u16::from(phase) << shape.dtype.mantissa_bits(),
            phase => return Err(Error::corrupt(format!("a phase is 0 or 1, not {phase}"))),
        };
        let bias = by_place(index.row, bias);
        let listed = index.usually_listed(stored);
        Ok(FastReader { index, ranked, added, bias, phase, listed, backend })
    }

    /// Where rows lie.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What turns codes into words.
    pub fn symbols(&self) -> Symbols<'_> {
        let FastReader { ranked, added, ref bias, phase, listed, .. } = *self;
        Symbols { ranked, added, bias, phase, listed }
    }

    /// Extent of the coded rows.
    pub fn row_shape(&self) -> RowShape {
        self.index.row
    }

    /// Checks the pages that rows which follow each other lie in.
    pub fn check(&self, view: &View<'_>, rows: &[Row]) -> Result<()> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let end = last.at + self.index.length(last.listed);
        (first.at / PAGE..end.div_ceil(PAGE)).try_for_each(|page| view.check(page))
    }

    /// Decodes rows; those that are plain are copied.
    pub fn decode_rows(&self, stored: Stored<'_>, rows: &[Row], ahead: Ahead<'_>, out: &mut [u16]) {
        unpack::rows(self.backend, self.index.row, self.symbols(), stored.payload, rows, ahead, out);
        self.copy_plain(stored, rows, out);
    }

    /// Decodes rows that follow each other; past the caches through `far`, if there is one.
    fn decode_run(&self, stored: Stored<'_>, rows: &[Row], out: &mut [u16], far: Option<&Stream>) {
        let Some(mut many) = self.many().filter(|_| rows.len() > FEW) else {
            return self.decode_rows(stored, rows, &[], out);
        };
        let dim = self.index.table.dim;
        match far.filter(|_| !many.reaches(out)) {
            None => self.decode_many(stored, &mut many, rows, out, far),
            Some(far) => {
                let mut near = vec![0; ROWS_FAR * dim];
                for (rows, out) in rows.chunks(ROWS_FAR).zip(out.chunks_mut(ROWS_FAR * dim)) {
                    let near = &mut near[..out.len()];
                    self.decode_many(stored, &mut many, rows, near, None);
                    far.copy(near, out);
                }
            }
        }
    }

    /// What decodes many rows of this table, where the machine has a loop for it.
    pub fn many(&self) -> Option<Many> {
        Many::new(self.backend, self.index.row)
    }

    /// Decodes rows that follow each other.
    pub fn decode_many(
        &self,
        stored: Stored<'_>,
        many: &mut Many,
        rows: &[Row],
        out: &mut [u16],
        far: Option<&Stream>,
    ) {
        many.rows(self.symbols(), stored.payload, rows, out, far);
        self.copy_plain(stored, rows, out);
    }

    fn copy_plain(&self, stored: Stored<'_>, rows: &[Row], out: &mut [u16]) {
        let dim = self.index.table.dim;
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(dim)).filter(|(row, _)| row.is_plain()) {
            Words::new(&stored.payload[row.at..][..2 * dim]).read(0, out);
        }
    }

    /// Some words of a row, from word `skip` on.
    fn decode_part(&self, stored: Stored<'_>, row: Row, skip: usize, out: &mut [u16]) {
        let mut whole = vec![0; self.index.table.dim];
        self.decode_rows(stored, &[row], &[], &mut whole);
        out.copy_from_slice(&whole[skip..][..out.len()]);
    }
}

impl Reader for FastReader {
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

    fn model_bytes(&self) -> usize {
        self.index.codes_bytes()
    }

    fn units(&self, stored: Stored<'_>) -> usize {
        stored.payload.len().div_ceil(PAGE)
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
        first.at / PAGE..(last.at + self.index.length(last.listed)).div_ceil(PAGE)
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
        let mut rows = &rows[..];
        // What is left of a row that the first word stands in, whole rows, and the beginning of one more.
        let skip = first % dim;
        let (part, out) = out.split_at_mut(out.len().min((dim - skip) % dim));
        if !part.is_empty()
            && let Some(row) = rows.split_off_first()
        {
            self.decode_part(stored, *row, skip, part);
        }
        let (out, part) = out.split_at_mut(out.len() / dim * dim);
        let (whole, last) = rows.split_at(out.len() / dim);
        self.decode_run(stored, whole, out, far);
        if let Some(row) = last.first() {
            self.decode_part(stored, *row, 0, part);
        }
        Ok(())
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let (stored, dim) = (view.stored, self.index.table.dim);
        let (mut rows, mut at) = ([Row::default(); LOOKUPS], [0; LOOKUPS]);
        let later = ids.chunks(LOOKUPS).skip(1).chain([&[][..]]);
        for ((ids, out), later) in ids.chunks(LOOKUPS).zip(out.chunks_mut(LOOKUPS * dim)).zip(later) {
            let (rows, at) = (&mut rows[..ids.len()], &mut at[..ids.len()]);
            for ((row, at), &id) in rows.iter_mut().zip(&mut *at).zip(ids) {
                *row = self.index.row(stored, id);
                *at = row.at;
            }
            for row in rows.iter().take(ROWS_AHEAD) {
                prefetch(&stored.payload[row.at..][..self.index.length(row.listed)]);
            }
            // Meanwhile the index is asked for the places of the next rows.
            later.iter().for_each(|&id| self.index.ask(stored, id));
            let parts = rows.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * dim));
            for ((rows, out), first) in parts.zip((0..).step_by(TOGETHER)) {
                rows.iter().try_for_each(|row| self.check(view, std::slice::from_ref(row)))?;
                let ahead = &at[at.len().min(first + ROWS_AHEAD)..];
                self.decode_rows(stored, rows, ahead, out);
            }
        }
        Ok(())
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Box::new(FastProduct::new(self, x))
    }
}
