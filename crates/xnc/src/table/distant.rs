//! A table whose payload stays on disk: where its rows lie, and what their bytes mean.

use std::ops::Range;

use super::Model;
use crate::codec::{Codec, PAGE, Stored, leave};
use crate::container::Opened;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::{Backend, widen};

/// A table of a file, with its index in memory; of its payload nothing is read. Bytes of rows come from the caller,
/// who reads them from the file.
pub struct Distant {
    name: String,
    opened: Opened,
    index: Vec<u8>,
    /// Where the payload begins in the file.
    begin: u64,
    /// Whether pages have checksums.
    checked: bool,
}

impl Distant {
    /// Reads the index of a table of a mapped file, checks it and keeps a copy, so that finding a row never waits for
    /// the disk.
    ///
    /// # Errors
    /// Those of [`Model::table`]; [`Error::NotATable`] for a codec whose rows do not decode alone, and for plain F32.
    pub fn open(model: &Model, name: &str, backend: Option<Backend>) -> Result<Distant> {
        let file = model.container();
        let opened = file.table(name, Backend::or_detected(backend)?, None)?;
        let refused = |reason: String| Error::NotATable { name: name.into(), reason };
        if opened.codec.is_none() && opened.element.dtype().is_none() {
            return Err(refused("it is plain F32; compress it, and read the result".into()));
        }
        let shape = opened.reader().shape();
        if shape.words() > 0 && opened.reader().place(opened.view().stored, 0).is_none() {
            let codec = opened.codec.map_or("", Codec::name);
            return Err(refused(format!(
                "rows of codec {codec} do not decode alone; bring the file under codec fast or tight"
            )));
        }
        let [index, payload] = opened.places();
        let mapped = opened.view().stored.index;
        let index = mapped[..index.len()].to_vec();
        file.let_go(mapped);
        let checked = opened.codec.is_some();
        Ok(Distant { name: name.into(), opened, index, begin: payload.start as u64, checked })
    }

    /// Name of the tensor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.opened.reader().shape().rows
    }

    /// Words in a row.
    pub fn dim(&self) -> usize {
        self.opened.reader().shape().dim
    }

    /// As [`super::Table::dtype`].
    pub fn dtype(&self) -> Dtype {
        self.opened.dtype()
    }

    /// Codec, none for a plain table.
    pub fn codec(&self) -> Option<Codec> {
        self.opened.codec
    }

    /// Bytes of the index, which are in memory.
    pub fn index_bytes(&self) -> usize {
        self.index.len()
    }

    /// Bytes, of any value, that have to follow a row's for [`Distant::decode`].
    pub fn guard(&self) -> usize {
        self.opened.reader().guard()
    }

    /// Where a row's bytes lie in the file.
    ///
    /// # Panics
    /// For a row that the table does not have.
    pub fn place(&self, row: usize) -> Range<u64> {
        assert!(row < self.rows(), "row {row} is out of range");
        let place = self.opened.reader().place(self.stored(), row).expect("asked when it was opened");
        self.begin + place.start as u64..self.begin + place.end as u64
    }

    /// Asks memory for what [`Distant::place`] and [`Distant::decode`] read of the index.
    pub fn ask(&self, row: usize) {
        self.opened.reader().ask_for(self.stored(), row);
    }

    /// What has to be read of the file to check and decode what lies there: the pages that share a checksum.
    pub fn pages(&self, place: &Range<u64>) -> Range<u64> {
        if !self.checked {
            return place.clone();
        }
        let page = PAGE as u64;
        let end = self.stored().payload.len() as u64;
        let [first, last] = [place.start, place.end].map(|at| at - self.begin);
        self.begin + first / page * page..self.begin + (last.div_ceil(page) * page).min(end)
    }

    /// Compares pages, which begin at `at` in the file, with their checksums.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where one differs.
    pub fn check(&self, at: u64, pages: &[u8]) -> Result<()> {
        if !self.checked {
            return Ok(());
        }
        let first = ((at - self.begin) / PAGE as u64) as usize;
        let differs = |(number, page): (usize, &[u8])| {
            let (_, expected) = self.opened.reader().unit(self.stored(), number)?;
            (crc32c::crc32c(page) != expected).then_some(number)
        };
        match (first..).zip(pages.chunks(PAGE)).find_map(differs) {
            Some(number) => {
                let place = self.begin + (number * PAGE) as u64;
                let what =
                    format!("tensor `{}`: checksum of page {number} does not match its bytes", self.name);
                Err(Error::Corrupt { what, offset: Some(place) })
            }
            None => Ok(()),
        }
    }

    /// Decodes a row from its bytes and the guard behind them to the words that are coded: not yet those of the
    /// source, which [`Distant::leave`] makes, nor values, which [`Distant::widen`] makes.
    ///
    /// # Panics
    /// Where bytes or `out` are too short.
    pub fn decode(&self, row: usize, bytes: &[u8], out: &mut [u16]) {
        let stored = Stored { index: &self.index, payload: bytes };
        self.opened.reader().decode_alone(stored, row, out);
    }

    /// Coded words to those of the source.
    pub fn leave(&self, words: &mut [u16]) {
        leave(self.opened.reader().backend(), self.opened.words(), self.opened.element, words);
    }

    /// Coded words to exact values.
    pub fn widen(&self, words: &[u16], out: &mut [f32]) {
        widen::to_f32(self.opened.reader().backend(), self.opened.words(), words, out);
    }

    /// The payload is that of the mapping, of which only the length counts.
    fn stored(&self) -> Stored<'_> {
        Stored { index: &self.index, payload: self.opened.view().stored.payload }
    }
}
