//! What the disk itself gives, read as a store reads.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use xnc::{Error, Result};

use crate::reads::{Reads, SECTOR, Source, Span, Work};

/// For `xnc-cli`: reads a second of `block` bytes each, by-passing the page cache, `depth` at a time, for some time:
/// at places that `place` tells, given how many there are. `block` is a multiple of 4096.
///
/// # Errors
/// [`Error::Io`], also where the file system knows no such reads.
pub fn probe(
    path: &Path,
    block: usize,
    depth: usize,
    time: Duration,
    place: &mut dyn FnMut(u64) -> u64,
) -> Result<f64> {
    let failed = |cause| Error::Io { path: path.to_owned(), cause };
    let source = Source::open(path, true).map_err(failed)?;
    let blocks = source.file.metadata().map_err(failed)?.len().saturating_sub(SECTOR) / block as u64;
    if blocks == 0 {
        return Err(failed(std::io::Error::other("too small to measure reads in")));
    }
    let sources = [Arc::new(source)];
    let mut reads = Reads::new(depth, block, 0, false)?;
    let mut probing =
        Probing { began: Instant::now(), time, block, count: 0, place: &mut || place(blocks) % blocks };
    reads.all(&sources, &mut probing).map_err(|e| match e {
        Error::Io { cause, .. } => failed(cause),
        other => other,
    })?;
    Ok(probing.count as f64 / probing.began.elapsed().as_secs_f64())
}

struct Probing<'a> {
    began: Instant,
    time: Duration,
    block: usize,
    count: usize,
    place: &'a mut dyn FnMut() -> u64,
}

impl Work for Probing<'_> {
    fn next(&mut self) -> Option<Span> {
        (self.began.elapsed() < self.time).then(|| {
            self.count += 1;
            Span { source: 0, at: (self.place)() * self.block as u64, length: self.block }
        })
    }

    fn take(&mut self, _: usize, bytes: io::Result<&[u8]>) -> Result<()> {
        bytes.map(drop).map_err(|cause| Error::Io { path: PathBuf::new(), cause })
    }
}
