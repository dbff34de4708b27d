//! From any codec into `fast`, in memory.

use super::{Table, Verify};
use crate::codec::dense::Effort;
use crate::codec::{self, Codec};
use crate::container::Coded;
use crate::error::Result;

impl codec::Source for Table {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        Table::read(self, first, out)
    }

    fn rows(&self, ids: &[usize], _: usize, out: &mut [u16]) -> Result<()> {
        self.gather(ids, out)
    }
}

impl Table {
    /// The same table under codec `fast`, in memory: a file of codec `dense`, opened for running. `threads` is 0 for as many as the
    /// machine has. A table of codec `fast`, or without words, comes back as it is, in its mapped file.
    ///
    /// Takes the memory of the result, which is that of the table in a file of codec `fast`; while it runs, also what is mapped of the
    /// present file and, from codec `dense`, a byte for each word of a key row, a quarter of the plain table at most. The table is never plain in memory. All checksums of
    /// chunks are compared, unless the table was opened with [`Verify::Never`].
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] when a chunk is damaged.
    pub fn into_fast(self, threads: usize) -> Result<Table> {
        if self.codec() == Some(Codec::Fast) {
            return Ok(self);
        }
        if !Codec::Fast.takes(self.shape) {
            return Ok(self);
        }
        let mut payload = Vec::new();
        let encoded = crate::threads::run_on(threads, || {
            codec::encode(Codec::Fast, self.shape, &self, Effort::default(), &mut payload, &mut |_| {})
        })??;
        Table::from_coded(Coded::in_memory(Codec::Fast, self.shape, &encoded, payload)?, Verify::Never)
    }
}
