//! Where rows may begin in a payload: the params of codecs whose rows decode alone. `spec/fast.md`, section 5.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pages::{PAGE, Pages};
use crate::error::{Error, Result};

/// Rows whose beginning the index tells together.
pub const BLOCK: usize = 32;

/// Where rows may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placing {
    /// Rows begin at multiples of this: a power of two up to 64.
    pub align: usize,
    /// No row that fits in one page of this size lies in two: 4096, or 0 for no such care.
    pub page: usize,
}

impl Placing {
    /// Rows one after another.
    pub const DENSE: Placing = Placing { align: 1, page: 0 };

    /// No row in two pages that fits in one.
    pub const PAGES: Placing = Placing { align: 1, page: PAGE };

    /// By pages, where a page holds more coded rows of `coded` bytes than plain ones of `plain` bytes, or no row fits
    /// in one: else pages would cost more than coding saves.
    pub fn by_pages(coded: usize, plain: usize) -> Placing {
        if coded > PAGE || PAGE / coded > PAGE / plain { Placing::PAGES } else { Placing::DENSE }
    }

    /// What the params of a table say.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where they say something else.
    pub fn read(codec: &str, params: &Value) -> Result<Placing> {
        // A list of two numbers would do, if one asked serde alone.
        let object = params.as_object().map_or(Err("not an object".to_owned()), |_| Ok(()));
        let placing = object.and_then(|()| Placing::deserialize(params).map_err(|e| e.to_string()));
        let valid =
            |of: &Placing| of.align.is_power_of_two() && of.align <= 64 && matches!(of.page, 0 | PAGE);
        let placing = placing.and_then(|of| if valid(&of) { Ok(of) } else { Err("no such places".into()) });
        placing.map_err(|e| Error::corrupt(format!("params of codec {codec}: {e}")))
    }

    /// Where a row of `length` bytes begins, when the one before ends at `end`.
    pub fn begin(self, end: usize, length: usize) -> usize {
        let begin = end.next_multiple_of(self.align);
        if length <= self.page && begin % self.page + length > self.page {
            return begin.next_multiple_of(self.page);
        }
        begin
    }

    /// Where a row of `length` bytes begins, when the first row of its block begins at `start` and the rows between
    /// have these lengths, the first one's among them.
    pub fn begin_in_block(self, start: usize, before: impl Iterator<Item = usize>, length: usize) -> usize {
        let mut end = None;
        for length in before {
            end = Some(end.map_or(start, |end| self.begin(end, length)) + length);
        }
        end.map_or(start, |end| self.begin(end, length))
    }

    /// Length of a payload whose last row ends at `end`, with `guard` bytes behind.
    pub fn filled(self, end: usize, guard: usize) -> usize {
        (end + guard).next_multiple_of(if self.page > 0 { self.page } else { 64 })
    }
}

/// Places rows in a payload, one after another.
pub struct Placer<'a> {
    placing: Placing,
    out: Pages<'a>,
    rows: usize,
    starts: Vec<u8>,
}

/// What placing leaves: bytes of payload, and what the index has of it.
pub struct Placed {
    pub bytes: usize,
    /// Where each block begins.
    pub starts: Vec<u8>,
    /// Of each page.
    pub checksums: Vec<u8>,
}

impl<'a> Placer<'a> {
    pub fn new(placing: Placing, payload: &'a mut dyn Write) -> Placer<'a> {
        Placer { placing, out: Pages::new(payload), rows: 0, starts: Vec::new() }
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// [`Error::Write`] when writing fails.
    pub fn add(&mut self, row: &[u8]) -> Result<()> {
        let at = self.placing.begin(self.out.bytes(), row.len());
        if self.rows.is_multiple_of(BLOCK) {
            self.starts.extend_from_slice(&(at as u64).to_le_bytes());
        }
        self.rows += 1;
        if at > self.out.bytes() {
            self.out.add(&vec![0; at - self.out.bytes()])?;
        }
        self.out.add(row)
    }

    /// Writes the guard: what a kernel may read past the last row, whatever that row's bytes are.
    ///
    /// # Errors
    /// As [`Placer::add`].
    pub fn finish(mut self, guard: usize) -> Result<Placed> {
        let end = self.out.bytes();
        self.out.add(&vec![0; self.placing.filled(end, guard) - end])?;
        let (bytes, checksums) = self.out.finish();
        Ok(Placed { bytes, starts: self.starts, checksums })
    }
}
