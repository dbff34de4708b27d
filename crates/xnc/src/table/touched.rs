//! Which chunks were found good already.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;

/// One bit a chunk.
pub struct Touched(Box<[AtomicU64]>);

impl Touched {
    pub fn new(chunks: usize) -> Self {
        Touched((0..chunks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Runs `check` unless it succeeded for this chunk before.
    pub fn first(&self, chunk: usize, check: impl FnOnce() -> Result<()>) -> Result<()> {
        let (word, bit) = (&self.0[chunk / 64], 1 << (chunk % 64));
        // Relaxed: the bit guards no other memory, the mapping never changes. Two threads may both check; both are right.
        if word.load(Ordering::Relaxed) & bit == 0 {
            check()?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }
}
