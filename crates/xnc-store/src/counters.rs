//! What a store has done so far.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Rows that callers asked for; one that stands twice in a call counts twice.
    pub rows: u64,
    /// Those of them that were in the cache.
    pub hits: u64,
    /// Reads that were asked of the system.
    pub reads: u64,
    /// Bytes that these asked for.
    pub bytes: u64,
    /// How often a call waited for a read to end.
    pub waits: u64,
    /// Rows that were read early, by [`crate::Store::prefetch`].
    pub prefetched: u64,
}

/// The same, while it is counted.
#[derive(Default)]
pub struct Counting {
    pub rows: AtomicU64,
    pub hits: AtomicU64,
    pub reads: AtomicU64,
    pub bytes: AtomicU64,
    pub waits: AtomicU64,
    pub prefetched: AtomicU64,
}

impl Counting {
    pub fn so_far(&self) -> Counters {
        Counters {
            rows: self.rows.load(Relaxed),
            hits: self.hits.load(Relaxed),
            reads: self.reads.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            waits: self.waits.load(Relaxed),
            prefetched: self.prefetched.load(Relaxed),
        }
    }
}

/// Counts more of something.
pub fn more(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Relaxed);
}
