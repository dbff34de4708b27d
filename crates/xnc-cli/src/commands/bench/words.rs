//! What plain words cost: reading them, copying them, multiplying them, in several variants.

use std::sync::Arc;

use anyhow::Result;
use xnc::{OpenOptions, Table};

/// Plain products: their names, and how many bytes ahead of use they ask for words; 0 leaves that to the
/// machine.
const VARIANTS: [(&str, usize); 4] =
    [("no prefetch", 0), ("prefetch 512", 512), ("prefetch 2048", 2048), ("prefetch 8192", 8192)];

/// Bytes of a cache line, where plain words begin: a table must not lose because of where its file puts it.
const LINE: usize = 64;

/// The words of a table, plain and in memory once, however many tables are made of them.
#[derive(Clone)]
pub struct Words {
    held: Arc<Vec<u8>>,
    from: usize,
}

impl Words {
    /// Reads all words of a table.
    pub fn of(table: &Table) -> Result<Words> {
        let mut held = vec![0; 2 * table.rows() * table.dim() + LINE];
        let from = held.as_ptr().align_offset(LINE);
        held.truncate(from + 2 * table.rows() * table.dim());
        table.read(0, bytemuck::cast_slice_mut(&mut held[from..]))?;
        Ok(Words { held: held.into(), from })
    }

    pub fn words(&self) -> &[u16] {
        bytemuck::cast_slice(self.as_ref())
    }

    /// The plain twins of a table, which differ in how far ahead products ask for memory: their names, and
    /// they.
    pub fn variants(&self, like: &Table) -> Result<Vec<(&'static str, Table)>> {
        let variant = |(name, ahead)| {
            let mut options = OpenOptions::default();
            (options.backend, options.ahead) = (Some(like.backend()), Some(ahead));
            let table = Table::from_bytes(like.dtype(), like.rows(), like.dim(), self.clone(), &options)?;
            Ok((name, table))
        };
        VARIANTS.into_iter().map(variant).collect()
    }
}

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        &self.held[self.from..]
    }
}

/// Reads every byte.
pub fn read(bytes: &[u8], threads: usize) -> u64 {
    let share = bytes.len().div_ceil(threads).next_multiple_of(256);
    let fold = |part: &[u8]| {
        let mut sums = [0_u64; 32];
        for line in part.as_chunks::<256>().0 {
            for (sum, word) in sums.iter_mut().zip(line.as_chunks().0) {
                *sum ^= u64::from_le_bytes(*word);
            }
        }
        sums.into_iter().fold(0, |a, b| a ^ b)
    };
    std::thread::scope(|scope| {
        let mut parts = bytes.chunks(share);
        let first = parts.next().unwrap_or_default();
        let workers: Vec<_> = parts.map(|part| scope.spawn(move || fold(part))).collect();
        let first = fold(first);
        workers
            .into_iter()
            .map(|worker| worker.join().expect("reading cannot fail"))
            .fold(first, |a, b| a ^ b)
    })
}
