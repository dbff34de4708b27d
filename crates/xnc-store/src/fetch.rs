//! The reads of a gather: which there are is found out while earlier ones are in flight.

use std::io;
use std::ops::Range;

use xnc::{Error, Result};

use crate::counters::more;
use crate::gather::Put;
use crate::parts::Part;
use crate::reads::{Span, Work};
use crate::store::Inner;

/// Rows that lie near each other are read together, up to so many bytes.
pub const TOGETHER: u64 = 32 << 10;

/// Rows ahead of the one whose read is planned, of which memory is asked for the index.
const ASKED: usize = 16;

/// A row that has to be read: where it goes, by its position among those asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    pub row: usize,
    pub position: usize,
}

/// A read, and the rows that it gets.
struct Planned {
    span: Span,
    misses: Range<usize>,
    /// Where the first of these rows lies in the file.
    place: Range<u64>,
}

/// Rows to read, in order, and where they go.
pub struct Fetch<'a> {
    of: &'a Inner,
    misses: &'a [Miss],
    planned: Vec<Planned>,
    put: &'a mut dyn Put,
}

impl<'a> Fetch<'a> {
    /// Of rows that stand in order.
    pub fn new(of: &'a Inner, misses: &'a [Miss], put: &'a mut dyn Put) -> Fetch<'a> {
        for miss in misses.iter().take(ASKED) {
            ask(of, miss.row);
        }
        Fetch { of, misses, planned: Vec::new(), put }
    }

    /// A read that gets the row `first` of those to read, and rows after it that lie in the same pages, or right
    /// behind.
    fn plan(&self, first: usize) -> Planned {
        let part = self.of.parts.of_row(self.misses[first].row);
        let last = part.first + part.table.rows();
        let place = part.table.place(self.misses[first].row - part.first);
        let mut pages = part.table.pages(&place);
        let mut end = first + 1;
        while let Some(miss) = self.misses.get(end).filter(|miss| miss.row < last) {
            let more = if miss.row == self.misses[end - 1].row {
                pages.clone()
            } else {
                part.table.pages(&part.table.place(miss.row - part.first))
            };
            let length = more.end.max(pages.end) - pages.start;
            if more.start > pages.end || length > TOGETHER.max(pages.end - pages.start) {
                break;
            }
            pages.end = more.end.max(pages.end);
            end += 1;
        }
        for miss in self.misses.iter().skip(first + ASKED).take(end - first) {
            ask(self.of, miss.row);
        }
        let span = Span { source: part.source, at: pages.start, length: (pages.end - pages.start) as usize };
        Planned { span, misses: first..end, place }
    }
}

/// Asks memory for what finding a row reads.
fn ask(of: &Inner, row: usize) {
    let part = of.parts.of_row(row);
    part.table.ask(row - part.first);
}

impl Work for Fetch<'_> {
    fn next(&mut self) -> Option<Span> {
        let first = self.planned.last().map_or(0, |last| last.misses.end);
        if first == self.misses.len() {
            return None;
        }
        let planned = self.plan(first);
        let span = planned.span;
        more(&self.of.counting.reads, 1);
        more(&self.of.counting.bytes, span.length);
        self.planned.push(planned);
        Some(span)
    }

    fn take(&mut self, number: usize, bytes: io::Result<&[u8]>) -> Result<()> {
        let Planned { span, misses, place } = &self.planned[number];
        let misses = &self.misses[misses.clone()];
        let part = self.of.parts.of_row(misses[0].row);
        let path = || self.of.parts.paths[span.source].clone();
        let named = |error| of_row(error, misses[0].row - part.first, part, path());
        let bytes = bytes.map_err(|cause| named(Error::Io { path: path(), cause }))?;
        part.table.check(span.at, &bytes[..span.length]).map_err(named)?;
        let mut before: Option<Miss> = None;
        for &miss in misses {
            if let Some(before) = before.filter(|before| before.row == miss.row) {
                self.put.again(before.position, miss.position);
                continue;
            }
            let place = match before {
                None => place.clone(),
                Some(_) => part.table.place(miss.row - part.first),
            };
            let [start, end] = [place.start, place.end].map(|at| (at - span.at) as usize);
            self.of.cache.put(miss.row as u64, &bytes[start..end]);
            self.put.put(part, miss.row, &bytes[start..], miss.position);
            before = Some(miss);
        }
        Ok(())
    }
}

/// Names the row in an error.
fn of_row(error: Error, row: usize, part: &Part, path: std::path::PathBuf) -> Error {
    match error {
        Error::Io { path, cause } => {
            let what = format!("row {row} of tensor `{}`: {cause}", part.table.name());
            Error::Io { path, cause: io::Error::new(cause.kind(), what) }
        }
        Error::Corrupt { what, offset } => {
            let cause = Error::Corrupt { what: format!("row {row}: {what}"), offset };
            Error::InFile { file: path, cause: Box::new(cause) }
        }
        other => other,
    }
}
