//! An open table: rows to words.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::by_place;
use super::index::Index;
use super::product::TightProduct;
use crate::codec::pages::PAGE;
use crate::codec::placing::{BLOCK, Placing};
use crate::codec::records::is_filling;
use crate::codec::rows::{ByRow, Runs, chunk_words, gather, pages, stretch};
use crate::codec::{Product, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::Words;
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::stream::Stream;
use crate::kernel::tight::row::{CODED, LEVELS, Row, RowShape, Symbols};
use crate::kernel::tight::unpack::{Ahead, Unpacker};

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
        let placing = Placing::read("tight", params)?;
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
        let mut levels = [[0; 1 + CODED]; LEVELS];
        for (level, symbols) in levels.iter_mut().zip(symbols.chunks_exact(CODED)) {
            level[1..].copy_from_slice(symbols);
        }
        let bias = by_place(index.row, bias);
        Ok(TightReader { index, levels, bias, usual: index.usual(stored), backend })
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

    /// Decodes rows; those that are plain are copied. Past the caches through `far`, if there is one, where
    /// [`Unpacker::reaches`] says so.
    pub fn decode_rows(
        &self,
        stored: Stored<'_>,
        unpacker: &mut Unpacker,
        rows: &[Row],
        ahead: Ahead<'_>,
        out: &mut [u16],
        far: Option<&Stream>,
    ) {
        let dim = self.index.table.dim;
        unpacker.rows(self.symbols(), stored.payload, rows, ahead, out, far);
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(dim)).filter(|(row, _)| row.is_plain()) {
            Words::new(&stored.payload[row.at..][..2 * dim]).read(0, out);
        }
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
        chunk_words(self.index.table.dim, BLOCK)
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
        let mut unpacker = self.unpacker();
        stretch(self, stored, first, out, far, |rows, out, far| {
            self.decode_rows(stored, &mut unpacker, rows, Ahead::run(), out, far);
        });
        Ok(())
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let mut unpacker = self.unpacker();
        gather(self, view, ids, out, |rows, ahead, out| {
            self.decode_rows(view.stored, &mut unpacker, rows, Ahead::Places(ahead), out, None);
        })
    }

    fn place(&self, stored: Stored<'_>, row: usize) -> Option<Range<usize>> {
        Some(self.bytes(self.row(stored, row)))
    }

    fn ask_for(&self, stored: Stored<'_>, row: usize) {
        self.index.ask(stored, row);
    }

    fn guard(&self) -> usize {
        self.index.row.guard()
    }

    fn decode_alone(&self, stored: Stored<'_>, row: usize, out: &mut [u16]) {
        let rows = [self.index.alone(stored, row)];
        self.decode_rows(stored, &mut self.unpacker(), &rows, Ahead::run(), out, None);
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Box::new(Runs::new(TightProduct::new(self, x)))
    }
}

impl ByRow for TightReader {
    type Row = Row;

    fn row(&self, stored: Stored<'_>, id: usize) -> Row {
        self.index.row(stored, id)
    }

    fn run(&self, stored: Stored<'_>, ids: Range<usize>, out: &mut Vec<Row>) {
        self.index.run(stored, ids, out);
    }

    fn bytes(&self, row: Row) -> Range<usize> {
        row.at..row.at + self.index.length(row)
    }

    fn ask(&self, stored: Stored<'_>, id: usize) {
        self.index.ask(stored, id);
    }
}
