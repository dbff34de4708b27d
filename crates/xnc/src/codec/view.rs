//! The stored bytes of an open table, and which of its chunks were found good.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Reader;
use crate::error::{Error, Result};
use crate::kernel::stream;

/// The stored bytes of one table, borrowed from wherever they lie.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The index, padding included.
    pub index: &'a [u8],
    /// The payload, padding included.
    pub payload: &'a [u8],
}

/// Which parts of a payload were found good already, a bit each; nothing where none is to be checked.
pub struct Checks(Option<Box<[AtomicU64]>>);

impl Checks {
    /// Every part is checked when it is first read.
    pub fn on_touch(reader: &dyn Reader, stored: Stored<'_>) -> Checks {
        Checks(Some((0..reader.units(stored).div_ceil(64)).map(|_| AtomicU64::new(0)).collect()))
    }

    /// Nothing is checked.
    pub fn never() -> Checks {
        Checks(None)
    }
}

/// An open table with its stored bytes: what reads words.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The codec's part.
    pub reader: &'a dyn Reader,
    /// The bytes.
    pub stored: Stored<'a>,
    /// Which chunks were found good.
    pub checks: &'a Checks,
}

/// Words from which on a read goes past the caches: more than these hold.
const FAR: usize = 1 << 23;

impl View<'_> {
    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.reader.shape().words().div_ceil(self.reader.chunk_words())
    }

    /// The words that chunk `number` holds.
    pub fn words_of(&self, number: usize) -> Range<usize> {
        let size = self.reader.chunk_words();
        number * size..self.reader.shape().words().min((number + 1) * size)
    }

    /// Compares the checksum of part `number` of the payload with its bytes, unless the part was found good before.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they differ.
    #[inline]
    pub fn check(&self, number: usize) -> Result<()> {
        let Some(good) = &self.checks.0 else { return Ok(()) };
        let (word, bit) = (&good[number / 64], 1 << (number % 64));
        // Relaxed: the bit guards no other memory, stored bytes never change. Two threads may both check;
        // both are right.
        if word.load(Ordering::Relaxed) & bit == 0 {
            self.compare(number)?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    /// As [`View::check`] of the parts that words lie in.
    ///
    /// # Errors
    /// As [`View::check`].
    pub fn check_words(&self, words: Range<usize>) -> Result<()> {
        self.reader.units_of(self.stored, words).try_for_each(|number| self.check(number))
    }

    /// As [`View::check_words`] of those of a row.
    ///
    /// # Errors
    /// As [`View::check`].
    pub fn check_row(&self, row: usize) -> Result<()> {
        let dim = self.reader.shape().dim;
        self.check_words(row * dim..(row + 1) * dim)
    }

    /// Checks all parts.
    ///
    /// # Errors
    /// As [`View::check`].
    pub fn check_all(&self) -> Result<()> {
        (0..self.reader.units(self.stored)).try_for_each(|number| self.check(number))
    }

    #[cold]
    fn compare(&self, number: usize) -> Result<()> {
        match self.reader.unit(self.stored, number) {
            Some((range, expected)) if crc32c::crc32c(&self.stored.payload[range.clone()]) != expected => {
                let part = self.reader.unit_name();
                Err(Error::corrupt(format!("checksum of {part} {number} does not match its bytes")))
            }
            _ => Ok(()),
        }
    }

    /// Decodes the words from `first` on, as many as `out` takes; all of them are in the table. Long reads go
    /// around the caches.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a chunk that they lie in is damaged.
    pub fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        if out.len() < FAR {
            return self.read_through(first, out, None);
        }
        stream::scope(self.reader.backend(), |far| self.read_through(first, out, Some(far)))
    }

    fn read_through(
        &self,
        mut first: usize,
        mut out: &mut [u16],
        far: Option<&stream::Stream>,
    ) -> Result<()> {
        while !out.is_empty() {
            let number = first / self.reader.chunk_words();
            let held = self.words_of(number);
            let (part, rest) = out.split_at_mut(out.len().min(held.end - first));
            self.check_words(first..first + part.len())?;
            self.reader.decode(self, number, first - held.start, part, far)?;
            first += part.len();
            out = rest;
        }
        Ok(())
    }

    /// Decodes rows anywhere, one after another; all of them are in the table.
    ///
    /// # Errors
    /// As [`View::read`].
    pub fn gather(&self, ids: &[usize], out: &mut [u16]) -> Result<()> {
        if self.reader.shape().dim == 0 { Ok(()) } else { self.reader.gather(self, ids, out) }
    }
}
