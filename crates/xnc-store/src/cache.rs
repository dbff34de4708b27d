//! Rows that were read, as they are coded, in bounded memory.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache as Rows;

/// What a row takes besides its bytes: two counters and a length in front, an entry and its key, parts of free ones.
/// Measured (740 thousand rows of 227 bytes took 235 MB): 106 bytes.
const BESIDES: u64 = 110;

#[derive(Clone)]
struct Bytes;

impl Weighter<u64, Arc<[u8]>> for Bytes {
    fn weight(&self, _: &u64, row: &Arc<[u8]>) -> u64 {
        row.len() as u64 + BESIDES
    }
}

/// A cache of rows by their number. Rows that are asked for again stay longest.
pub struct Cache(Option<Rows<u64, Arc<[u8]>, Bytes, foldhash::fast::RandomState>>);

impl Cache {
    /// Of so many bytes; none for 0. `row` is the usual length of a row.
    pub fn new(bytes: u64, row: u64) -> Cache {
        let rows = bytes / (row + BESIDES);
        Cache((rows > 0).then(|| {
            Rows::with(
                rows as usize,
                bytes,
                Bytes,
                foldhash::fast::RandomState::default(),
                Default::default(),
            )
        }))
    }

    /// Whether nothing is kept.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub fn get(&self, row: u64) -> Option<Arc<[u8]>> {
        self.0.as_ref()?.get(&row)
    }

    pub fn has(&self, row: u64) -> bool {
        self.0.as_ref().is_some_and(|rows| rows.peek(&row).is_some())
    }

    pub fn put(&self, row: u64, bytes: &[u8]) {
        if let Some(rows) = &self.0 {
            rows.insert(row, bytes.into());
        }
    }
}
