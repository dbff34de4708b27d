//! One gather: what is in the cache at once, then the rest by reads that are in flight together.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use xnc::Result;
use xnc::internals::prefetch;

use crate::counters::more;
use crate::fetch::{Fetch, Miss};
use crate::parts::Part;
use crate::store::Inner;

/// Rows looked for in the cache together, so that memory is asked for all of them before one is decoded.
const LOOKED_UP: usize = 32;

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
        let misses = if self.cache.is_none() {
            ids.iter().enumerate().map(|(position, &row)| Miss { row, position }).collect()
        } else {
            self.hits(ids, put)
        };
        more(&self.counting.hits, ids.len() - misses.len());
        self.fetch(misses, put)
    }

    /// Reads rows, which are in the table, into the cache alone.
    pub fn early(&self, ids: &[usize]) -> Result<()> {
        self.fetch(ids.iter().map(|&row| Miss { row, position: 0 }).collect(), &mut Nowhere)
    }

    /// Puts what is in the cache; the others come back.
    fn hits(&self, ids: &[usize], put: &mut dyn Put) -> Vec<Miss> {
        let mut misses = Vec::new();
        let mut room = Vec::new();
        let mut found: Vec<(Miss, Arc<[u8]>)> = Vec::with_capacity(LOOKED_UP);
        for (number, ids) in ids.chunks(LOOKED_UP).enumerate() {
            for (position, &row) in (number * LOOKED_UP..).zip(ids) {
                let miss = Miss { row, position };
                let Some(bytes) = self.cache.get(row as u64) else {
                    misses.push(miss);
                    continue;
                };
                prefetch(&bytes);
                let part = self.parts.of_row(row);
                part.table.ask(row - part.first);
                found.push((miss, bytes));
            }
            for (Miss { row, position }, bytes) in found.drain(..) {
                let part = self.parts.of_row(row);
                // The guard may be anything: what stood there.
                room.resize(room.len().max(bytes.len() + part.table.guard()), 0);
                room[..bytes.len()].copy_from_slice(&bytes);
                put.put(part, row, &room, position);
            }
        }
        misses
    }

    /// Reads rows, checks and keeps them, and puts them.
    fn fetch(&self, mut misses: Vec<Miss>, put: &mut dyn Put) -> Result<()> {
        if misses.is_empty() {
            return Ok(());
        }
        misses.sort_unstable();
        let mut reads = self.reads()?;
        let mut fetch = Fetch::new(self, &misses, put);
        // What was in flight when something failed may still be: such reads are not used again.
        let waits = reads.all(&self.parts.sources, &mut fetch)?;
        self.counting.waits.fetch_add(waits, Relaxed);
        self.give_back(reads);
        Ok(())
    }
}
