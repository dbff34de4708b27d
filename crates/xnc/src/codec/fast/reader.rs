//! An open table: rows to words.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::by_place;
use super::index::{Index, SYMBOLS};
use super::product::FastProduct;
use crate::codec::pages::PAGE;
use crate::codec::placing::{BLOCK, Placing};
use crate::codec::records::is_filling;
use crate::codec::rows::{ByRow, Runs, chunk_words, gather, pages, stretch};
use crate::codec::{Product, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::fast::row::{GUARD, Row, RowShape, STEP, Symbols};
use crate::kernel::fast::unpack::{self, Ahead, Many};
use crate::kernel::stream::Stream;

/// Rows for which making what decodes many is not worth it.
const FEW: usize = 4;

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
        let placing = Placing::read("fast", params)?;
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

    /// What turns codes into words.
    pub fn symbols(&self) -> Symbols<'_> {
        let FastReader { ranked, added, ref bias, phase, listed, .. } = *self;
        Symbols { ranked, added, bias, phase, listed }
    }

    /// Extent of the coded rows.
    pub fn row_shape(&self) -> RowShape {
        self.index.row
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
        self.decode_many(stored, &mut many, rows, out, far);
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
}

impl Reader for FastReader {
    fn shape(&self) -> TableShape {
        self.index.table
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn chunk_words(&self) -> usize {
        chunk_words(self.index.table.dim, BLOCK)
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
        pages(self, stored, words)
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
        let (stored, first) = (view.stored, number * self.chunk_words() + first);
        stretch(self, stored, first, out, far, |rows, out, far| self.decode_run(stored, rows, out, far));
        Ok(())
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        gather(self, view, ids, out, |rows, ahead, out| {
            self.decode_rows(view.stored, rows, ahead, out);
        })
    }

    fn place(&self, stored: Stored<'_>, row: usize) -> Option<Range<usize>> {
        Some(self.bytes(self.row(stored, row)))
    }

    fn ask_for(&self, stored: Stored<'_>, row: usize) {
        self.index.ask(stored, row);
    }

    fn guard(&self) -> usize {
        GUARD
    }

    fn decode_alone(&self, stored: Stored<'_>, row: usize, out: &mut [u16]) {
        self.decode_rows(stored, &[self.index.alone(stored, row)], &[], out);
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Box::new(Runs::new(FastProduct::new(self, x)))
    }
}

impl ByRow for FastReader {
    type Row = Row;

    fn row(&self, stored: Stored<'_>, id: usize) -> Row {
        self.index.row(stored, id)
    }

    fn run(&self, stored: Stored<'_>, ids: Range<usize>, out: &mut Vec<Row>) {
        self.index.run(stored, ids, out);
    }

    fn bytes(&self, row: Row) -> Range<usize> {
        row.at..row.at + self.index.length(row.listed)
    }

    fn ask(&self, stored: Stored<'_>, id: usize) {
        self.index.ask(stored, id);
    }
}
