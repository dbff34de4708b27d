//! What the disk itself gives, read as a store reads.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use xnc::{Error, Result};

use crate::reads::{Reads, SECTOR, Source, Span};

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
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < time {
        let span = |at| Span { source: 0, at: at * block as u64, length: block };
        let spans: Vec<Span> = (0..8 * depth).map(|_| span(place(blocks) % blocks)).collect();
        reads.all(&sources, &spans, &mut |_, bytes| bytes.map(drop).map_err(failed))?;
        count += spans.len();
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}
