//! What a compressed file restores to, beside the source that it may have been made of.
//!
//! Restored bytes are compared as they come, and the source is read along, a part at a time: there is no
//! second copy, in memory or on the disk.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::difference::{inside, outside, structure};
use super::restore_into;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::kinds::source_is_folder;
use crate::model::{Layout, Tensor};
use crate::options::RestoreReport;
use crate::progress::Progress;

/// Bytes of the source that are read at a time: whole elements of every type.
const PART: usize = 1 << 20;

/// What stands for a byte beyond the last one.
const END: &str = "the end";

/// Restores a compressed file beside `path`, tensor for tensor and then byte for byte.
///
/// # Errors
/// [`Error::Differs`]; those of [`restore_into`]; [`Error::InFile`] with what is wrong with `path` itself.
pub fn compare(container: &Container, path: &Path, progress: &Progress<'_>) -> Result<RestoreReport> {
    let size = container.record()?.size;
    let here = Layout::parse(&container.outside()?, size)?;
    let mut beside = Beside::tensors((&here, size), path)?;
    let restored = restore_into(container, &mut beside, progress);
    beside.settle(restored)
}

/// Takes restored bytes and compares each with its own in a source.
pub struct Beside {
    path: PathBuf,
    file: File,
    /// Where reading goes on.
    place: u64,
    /// What the restored bytes are, in their order.
    parts: Vec<Part>,
    /// The part that the next byte belongs to, and how many of its bytes were taken.
    at: usize,
    taken: u64,
    buffer: Vec<u8>,
    /// Where the source has bytes outside all tensors that nothing is restored to.
    more: Option<u64>,
    /// The first difference in a tensor, and the first elsewhere.
    inside: Option<Error>,
    outside: Option<Error>,
}

/// Bytes that are a tensor, or lie outside all of them.
struct Part {
    bytes: u64,
    /// Where they stand in the source; none where it has no such bytes.
    from: Option<u64>,
    tensor: Option<Tensor>,
}

impl Beside {
    /// A source of the tensors of a file of `size` bytes: by name, so that their order does not matter.
    pub fn tensors((here, size): (&Layout, u64), path: &Path) -> Result<Beside> {
        let in_source = |error| Error::in_file(path, error);
        let source = Container::open(path).map_err(in_source)?;
        if let Some(name) = source.evidence() {
            return Err(in_source(Error::AlreadyCompressed { name: name.into() }));
        }
        let there = source.layout();
        structure(here, there)?;
        let mut gaps = there.gaps(source.file_bytes()).into_iter();
        let mut gap = gaps.next().unwrap_or_default();
        let (mut parts, mut end) = (Vec::new(), 0);
        let mut outside = |parts: &mut Vec<Part>, mut bytes: u64| {
            while bytes > 0 {
                if gap.is_empty() {
                    gap = gaps.next().unwrap_or_default();
                }
                let from = (!gap.is_empty()).then_some(gap.start);
                let some = if gap.is_empty() { bytes } else { bytes.min(gap.end - gap.start) };
                parts.push(Part { bytes: some, from, tensor: None });
                (gap.start, bytes) = (gap.end.min(gap.start + some), bytes - some);
            }
        };
        for tensor in here.tensors() {
            outside(&mut parts, tensor.range.start.saturating_sub(end));
            end = tensor.range.end;
            let from = there.tensor(&tensor.name).map(|tensor| tensor.range.start);
            parts.push(Part { bytes: tensor.bytes(), from, tensor: Some(tensor.clone()) });
        }
        outside(&mut parts, size.saturating_sub(end));
        let more = (!gap.is_empty()).then_some(gap.start).or_else(|| gaps.next().map(|gap| gap.start));
        Beside::new(path, parts, more)
    }

    /// A source that is compared byte for byte, whatever it holds.
    pub fn bytes(path: &Path) -> Result<Beside> {
        if source_is_folder(path)? {
            return Err(Error::io(path)(io::ErrorKind::IsADirectory.into()));
        }
        let bytes = path.metadata().map_err(Error::io(path))?.len();
        let all = Part { bytes, from: Some(0), tensor: None };
        Beside::new(path, vec![all, Part { bytes: u64::MAX, from: None, tensor: None }], None)
    }

    fn new(path: &Path, parts: Vec<Part>, more: Option<u64>) -> Result<Beside> {
        let file = File::open(path).map_err(Error::io(path))?;
        let (path, buffer) = (path.to_owned(), Vec::new());
        Ok(Beside { path, file, place: 0, parts, at: 0, taken: 0, buffer, more, inside: None, outside: None })
    }

    /// What came of restoring: its own errors, since what is damaged cannot be blamed on a source; the first
    /// difference; or what it gave.
    pub fn settle<T>(mut self, restored: Result<T>) -> Result<T> {
        let restored = restored.map_err(|error| match error {
            Error::Write { cause } => Error::io(&self.path)(cause),
            other => other,
        })?;
        if let Some(difference) = self.inside.or(self.outside) {
            return Err(difference);
        }
        // What the source has beyond the last restored byte.
        let rest = self.parts.get(self.at).filter(|part| part.bytes > self.taken);
        let rest = rest.and_then(|part| part.from).map(|from| from + self.taken).or(self.more);
        let Some(offset) = rest else { return Ok(restored) };
        let mut byte = [0];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut byte));
        read.map_err(Error::io(&self.path))?;
        Err(outside(offset, END, &format!("{:02x}", byte[0])))
    }

    /// Reads a part of the source into the buffer.
    fn read(&mut self, from: u64, bytes: usize) -> io::Result<()> {
        if self.place != from {
            self.file.seek(SeekFrom::Start(from))?;
        }
        self.buffer.resize(bytes, 0);
        self.file.read_exact(&mut self.buffer)?;
        self.place = from + bytes as u64;
        Ok(())
    }
}

impl Write for Beside {
    /// Compares, and keeps the first difference: whether what is restored is damaged itself is known only at
    /// its end.
    fn write(&mut self, restored: &[u8]) -> io::Result<usize> {
        if self.inside.is_some() {
            return Ok(restored.len());
        }
        while self.parts.get(self.at).is_some_and(|part| part.bytes == self.taken) {
            (self.at, self.taken) = (self.at + 1, 0);
        }
        let Some(part) = self.parts.get(self.at) else {
            return Err(io::Error::other("more bytes are restored than the source's header tells of"));
        };
        let rest = usize::try_from(part.bytes - self.taken).unwrap_or(usize::MAX);
        let restored = &restored[..restored.len().min(rest).min(PART)];
        let Some(from) = part.from.map(|from| from + self.taken) else {
            if let (None, Some(first)) = (&self.outside, restored.first()) {
                let end = self.file.metadata()?.len();
                self.outside = Some(outside(end, &format!("{first:02x}"), END));
            }
            self.taken += restored.len() as u64;
            return Ok(restored.len());
        };
        self.read(from, restored.len())?;
        if self.buffer != restored {
            let first = restored.iter().zip(&self.buffer).position(|(a, b)| a != b).unwrap_or_default();
            if let Some(tensor) = &self.parts[self.at].tensor {
                self.inside = Some(inside(tensor, (from, self.taken), first, [restored, &self.buffer]));
            } else if self.outside.is_none() {
                let [a, b] = [restored, &self.buffer].map(|bytes| format!("{:02x}", bytes[first]));
                self.outside = Some(outside(from + first as u64, &a, &b));
            }
        }
        self.taken += restored.len() as u64;
        Ok(restored.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
