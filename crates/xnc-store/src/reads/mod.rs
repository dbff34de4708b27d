//! Reading many pieces of files with several reads in flight: [`ring`] where the kernel has io_uring, [`pool`] of
//! threads elsewhere. Both read whole sectors where the page cache is by-passed.

mod pool;
#[cfg_attr(
    all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(unsafe_code)
)]
#[cfg_attr(
    not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))),
    path = "no_ring.rs"
)]
mod ring;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use pool::Pool;
use ring::Ring;

/// What reads that by-pass the page cache begin on and take multiples of: no disk has larger sectors.
pub const SECTOR: u64 = 4096;

/// A file of rows.
pub struct Source {
    pub file: File,
    /// Whether reads by-pass the page cache.
    pub direct: bool,
    /// What tests have go wrong.
    #[cfg(test)]
    pub faults: Faults,
}

/// What becomes of the result of a read at some place, of some bytes.
#[cfg(test)]
pub type Faults = Option<Box<dyn Fn(u64, usize) -> io::Result<usize> + Send + Sync>>;

impl Source {
    /// Opens a file for reads anywhere.
    pub fn open(path: &Path, direct: bool) -> io::Result<Source> {
        // Looked at before it is opened: opening a pipe waits for whoever writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        #[cfg(target_os = "linux")]
        if direct {
            use std::os::unix::fs::OpenOptionsExt;
            options.custom_flags(rustix::fs::OFlags::DIRECT.bits() as i32);
        }
        #[cfg(not(target_os = "linux"))]
        if direct {
            let cause = "reads that by-pass the page cache are only known on Linux";
            return Err(io::Error::new(io::ErrorKind::Unsupported, cause));
        }
        let file = options.open(path)?;
        // Rows are anywhere: what the system would read ahead nobody asks for. It is advice, and may be refused.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random);
        Ok(Source {
            file,
            direct,
            #[cfg(test)]
            faults: None,
        })
    }

    /// What is believed of the result of a read that began at `at`.
    fn seen(&self, at: u64, result: io::Result<usize>) -> io::Result<usize> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return result.and_then(|read| faults(at, read));
        }
        let _ = at;
        result
    }
}

/// One read.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Number of the file.
    pub source: usize,
    /// Where it begins there.
    pub at: u64,
    /// Bytes.
    pub length: usize,
}

/// What a read asks the system for, and what came of it so far.
#[derive(Clone, Copy)]
struct Asked {
    /// The span's number.
    number: usize,
    span: Span,
    /// Where reading began: at the span, or at the sector that it lies in.
    from: u64,
    /// Bytes to ask for, sectors included.
    length: usize,
    /// Bytes that came.
    got: usize,
}

impl Asked {
    fn new(number: usize, span: Span, direct: bool) -> Asked {
        let from = if direct { span.at / SECTOR * SECTOR } else { span.at };
        let end = span.at + span.length as u64;
        let end = if direct { end.next_multiple_of(SECTOR) } else { end };
        Asked { number, span, from, length: (end - from) as usize, got: 0 }
    }

    /// Where the bytes of the span begin among those that came.
    fn skip(&self) -> usize {
        (self.span.at - self.from) as usize
    }

    /// Takes note of a read's result; true when the span is there. A short read is asked for again from the last whole
    /// sector on.
    fn advance(&mut self, read: usize, direct: bool) -> io::Result<bool> {
        self.got += read;
        if self.got >= self.skip() + self.span.length {
            return Ok(true);
        }
        if read == 0 {
            let cause = format!("the file ends at byte {}, inside the row", self.from + self.got as u64);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, cause));
        }
        if direct {
            self.got = self.got / SECTOR as usize * SECTOR as usize;
        }
        Ok(false)
    }
}

/// Room that reads go to: aligned to sectors, cut into slots.
struct Room {
    bytes: Vec<u8>,
    /// Where the first slot begins.
    skip: usize,
    slot: usize,
}

impl Room {
    /// For `count` spans of `longest` bytes, each with `guard` bytes behind.
    fn new(count: usize, longest: usize, guard: usize) -> Room {
        // A span may begin anywhere in its first sector, and end anywhere in its last.
        let slot = (longest + guard).next_multiple_of(SECTOR as usize) + SECTOR as usize;
        let bytes = vec![0; count * slot + SECTOR as usize];
        let skip = bytes.as_ptr().align_offset(SECTOR as usize);
        Room { bytes, skip, slot }
    }

    fn slot(&mut self, number: usize) -> &mut [u8] {
        &mut self.bytes[self.skip + number * self.slot..][..self.slot]
    }
}

/// Whose reads they are.
pub trait Work {
    /// The next read, none when all were given. They are numbered from 0 on.
    fn next(&mut self) -> Option<Span>;

    /// Takes the bytes of a read, with what stands behind them, of any value. Reads end in any order.
    fn take(&mut self, number: usize, bytes: io::Result<&[u8]>) -> xnc::Result<()>;
}

/// What reads spans. One belongs to one call at a time.
pub enum Reads {
    Ring(Box<Ring>),
    Pool(Pool),
}

impl Reads {
    /// What reads `depth` spans of `longest` bytes at a time, and leaves `guard` bytes behind each; with `threads`, on
    /// threads wherever it is.
    ///
    /// # Errors
    /// [`xnc::Error::Threads`] where the system starts none.
    pub fn new(depth: usize, longest: usize, guard: usize, threads: bool) -> xnc::Result<Reads> {
        if !threads && let Ok(ring) = Ring::new(depth, longest, guard) {
            return Ok(Reads::Ring(Box::new(ring)));
        }
        let pool = Pool::new(depth, longest, guard);
        Ok(Reads::Pool(pool.map_err(|e| xnc::Error::Threads { threads: depth, reason: e.to_string() })?))
    }

    /// Another one for a call beside this one's, where there is one that calls can share.
    pub fn share(&self) -> Option<Reads> {
        match self {
            Reads::Ring(_) => None,
            Reads::Pool(pool) => Some(Reads::Pool(pool.clone())),
        }
    }

    /// Does all reads, some at a time; tells how often it waited for one.
    ///
    /// # Errors
    /// The first of [`Work::take`]; what is in flight then is waited for, and nothing more is read.
    pub fn all(&mut self, sources: &[Arc<Source>], work: &mut dyn Work) -> xnc::Result<u64> {
        match self {
            Reads::Ring(ring) => ring.all(sources, work),
            Reads::Pool(pool) => pool.all(sources, work),
        }
    }
}

/// Reads at a place of a file, as far as they come.
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, bytes, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, bytes, at);
    #[cfg(not(any(unix, windows)))]
    {
        let _ = (file, bytes, at);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether a read is to be asked for once more.
fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
