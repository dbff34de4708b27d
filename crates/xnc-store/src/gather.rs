//! One gather: what is in the cache at once, then the rest by reads that are in flight together.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

use xnc::{Error, Result};

use crate::counters::more;
use crate::parts::Part;
use crate::reads::Span;
use crate::store::Inner;

/// Rows that lie near each other are read together, up to so many bytes.
pub const TOGETHER: u64 = 32 << 10;

/// A row that has to be read: where it goes, by its position among those asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Miss {
    row: usize,
    position: usize,
}

/// Reads that get some rows: each with those of `misses` that it gets.
struct Plan {
    spans: Vec<Span>,
    misses: Vec<Range<usize>>,
}

/// What becomes of rows.
pub trait Put {
    /// A row's bytes, with their guard, to where the row goes.
    fn put(&mut self, part: &Part, row: usize, bytes: &[u8], position: usize);

    /// A row that was put already, to where it goes, too.
    fn again(&mut self, from: usize, position: usize);
}

/// Rows that only the cache takes.
struct Nowhere;

impl Put for Nowhere {
    fn put(&mut self, _: &Part, _: usize, _: &[u8], _: usize) {}

    fn again(&mut self, _: usize, _: usize) {}
}

impl Inner {
    /// Puts all rows of `ids`, which are in the table.
    pub fn gather(&self, ids: &[usize], put: &mut dyn Put) -> Result<()> {
        more(&self.counting.rows, ids.len());
        let misses = self.hits(ids, put);
        more(&self.counting.hits, ids.len() - misses.len());
        self.fetch(misses, put)
    }

    /// Reads rows, which are in the table, into the cache alone.
    pub fn early(&self, ids: &[usize]) -> Result<()> {
        let mut misses: Vec<Miss> = ids.iter().map(|&row| Miss { row, position: 0 }).collect();
        misses.sort_unstable();
        self.fetch(misses, &mut Nowhere)
    }

    /// Puts what is in the cache; the others come back, in the order of rows.
    fn hits(&self, ids: &[usize], put: &mut dyn Put) -> Vec<Miss> {
        let mut misses = Vec::new();
        let mut room = Vec::new();
        for (position, &row) in ids.iter().enumerate() {
            let Some(bytes) = self.cache.get(row as u64) else {
                misses.push(Miss { row, position });
                continue;
            };
            let part = self.parts.of_row(row);
            // The guard may be anything: what stood there.
            room.resize(room.len().max(bytes.len() + part.table.guard()), 0);
            room[..bytes.len()].copy_from_slice(&bytes);
            put.put(part, row, &room, position);
        }
        misses.sort_unstable();
        misses
    }

    /// Reads rows, checks and keeps them, and puts them.
    fn fetch(&self, misses: Vec<Miss>, put: &mut dyn Put) -> Result<()> {
        if misses.is_empty() {
            return Ok(());
        }
        let plan = self.plan(&misses);
        more(&self.counting.reads, plan.spans.len());
        more(&self.counting.bytes, plan.spans.iter().map(|span| span.length).sum());
        let mut reads = self.reads()?;
        let waits = reads.all(&self.parts.sources, &plan.spans, &mut |number, bytes| {
            self.arrived(plan.spans[number], &misses[plan.misses[number].clone()], bytes, put)
        });
        // What was in flight when something failed may still be: such reads are not used again.
        let waits = waits?;
        self.counting.waits.fetch_add(waits, Relaxed);
        self.give_back(reads);
        Ok(())
    }

    /// Which reads get rows that stand in order.
    fn plan(&self, misses: &[Miss]) -> Plan {
        let mut plan = Plan { spans: Vec::new(), misses: Vec::new() };
        for (i, miss) in misses.iter().enumerate() {
            let part = self.parts.of_row(miss.row);
            let pages = part.table.pages(&part.table.place(miss.row - part.first));
            if let (Some(span), Some(held)) = (plan.spans.last_mut(), plan.misses.last_mut()) {
                let end = span.at + span.length as u64;
                let longer = pages.end.max(end) - span.at;
                // Pieces of one table do not share pages; what follows on directly is one read more cheaply than two.
                let follows =
                    (span.at..=end).contains(&pages.start) && longer <= TOGETHER.max(span.length as u64);
                if part.source == span.source
                    && self.parts.of_row(misses[held.start].row).first == part.first
                    && follows
                {
                    (span.length, held.end) = (longer as usize, i + 1);
                    continue;
                }
            }
            let length = (pages.end - pages.start) as usize;
            plan.spans.push(Span { source: part.source, at: pages.start, length });
            plan.misses.push(i..i + 1);
        }
        plan
    }

    /// Takes what a read brought.
    fn arrived(
        &self,
        span: Span,
        misses: &[Miss],
        bytes: io::Result<&[u8]>,
        put: &mut dyn Put,
    ) -> Result<()> {
        let part = self.parts.of_row(misses[0].row);
        let named = |error| self.of_row(error, misses[0].row - part.first, part);
        let bytes =
            bytes.map_err(|cause| named(Error::Io { path: self.parts.paths[span.source].clone(), cause }))?;
        part.table.check(span.at, &bytes[..span.length]).map_err(named)?;
        let mut before: Option<Miss> = None;
        for &miss in misses {
            if let Some(before) = before.filter(|before| before.row == miss.row) {
                put.again(before.position, miss.position);
                continue;
            }
            let row = miss.row - part.first;
            let place = part.table.place(row);
            let [start, end] = [place.start, place.end].map(|at| (at - span.at) as usize);
            self.cache.put(miss.row as u64, &bytes[start..end]);
            put.put(part, miss.row, &bytes[start..], miss.position);
            before = Some(miss);
        }
        Ok(())
    }

    /// Names the row in an error.
    fn of_row(&self, error: Error, row: usize, part: &Part) -> Error {
        let name = part.table.name();
        match error {
            Error::Io { path, cause } => {
                let cause = io::Error::new(cause.kind(), format!("row {row} of tensor `{name}`: {cause}"));
                Error::Io { path, cause }
            }
            Error::Corrupt { what, offset } => {
                let path = self.parts.paths[part.source].clone();
                let cause = Box::new(Error::Corrupt { what: format!("row {row}: {what}"), offset });
                Error::InFile { file: path, cause }
            }
            other => other,
        }
    }
}
