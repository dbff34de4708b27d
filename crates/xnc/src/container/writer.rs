//! Lays tensors out as a valid file of the source's format.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::codec::{Source, element_bytes};
use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::model::{Format, Header, gguf, safetensors};

/// Bytes written at a time. A system keeps what one call wrote in few large pieces, and whoever maps the file
/// finds rows in them with fewer misses in translating addresses: random rows of Gemma-3-270M cost a sixth
/// less than after pages that the system copied one by one.
const PART: usize = 4 << 20;

/// Where the bytes of a tensor come from.
pub enum Content<'a> {
    /// Memory, or a mapped file.
    Bytes(&'a [u8]),
    /// The elements that the words of a table stand for.
    Elements(Elements<'a>),
    /// A range of the file itself, which was written before its header. Such tensors come first, in order,
    /// each on the file's alignment.
    Placed(Range<u64>),
}

/// Words, and the elements that they stand for.
#[derive(Clone, Copy)]
pub struct Elements<'a> {
    /// Gives the words.
    pub words: &'a dyn Source,
    /// Number of words.
    pub count: usize,
    /// Type of the words.
    pub dtype: Dtype,
    /// Type of the elements.
    pub element: Element,
    /// Instruction set of the conversion.
    pub backend: Backend,
}

impl Content<'_> {
    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Elements(all) => all.element.bytes() as u64 * all.count as u64,
            Content::Placed(range) => range.end - range.start,
        }
    }
}

/// Where a file is written: a file, or bytes in memory.
pub trait Output: Read + Write + Seek + Send {
    /// Cuts the output, or makes it longer with zeros.
    ///
    /// # Errors
    /// Those of the system.
    fn set_length(&mut self, bytes: u64) -> io::Result<()>;
}

impl Output for File {
    fn set_length(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

impl Output for io::Cursor<Vec<u8>> {
    fn set_length(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.get_mut().resize(bytes, 0);
        Ok(())
    }
}

/// What a compressed file says of itself for people; readers use none of it.
pub struct Summary<'a> {
    /// Format version.
    pub version: &'a str,
    /// Names of the compressed tensors, comma-separated.
    pub tensors: &'a str,
    /// SHA-256 of the source.
    pub source_sha256: &'a str,
}

impl Summary<'_> {
    /// Keys and values. GGUF puts dots between the words of its keys; in safetensors, torchao reads every
    /// value under a key with a dot as JSON, and fails.
    fn pairs(&self, format: Format) -> Vec<(String, String)> {
        let dot = match format {
            Format::Safetensors => '_',
            Format::Gguf => '.',
        };
        let facts =
            [("version", self.version), ("tensors", self.tensors), ("source_sha256", self.source_sha256)];
        facts.map(|(key, value)| (format!("xnc{dot}{key}"), value.to_owned())).to_vec()
    }
}

/// A tensor to write.
pub struct Item<'a> {
    /// Name in the file.
    pub name: String,
    /// Element type as the format spells it.
    pub dtype: String,
    /// Extents, outermost first.
    pub shape: Vec<u64>,
    /// The bytes.
    pub content: Content<'a>,
}

impl<'a> Item<'a> {
    /// A one-dimensional tensor of bytes.
    pub fn bytes(format: Format, name: String, content: Content<'a>) -> Self {
        Item { name, dtype: format.byte_type().into(), shape: vec![content.len()], content }
    }
}

/// What tensors of a file made of one with that header begin on, as far as the format allows holes. Payloads are to
/// begin on `begin` bytes.
pub fn alignment(source: &Header, begin: usize) -> u64 {
    match source {
        // The format allows no holes; payloads are multiples of `begin`, companions of 64, and they come first.
        Header::Safetensors(_) => 1,
        Header::Gguf(source) => source.alignment.max(begin as u64),
    }
}

/// A whole file, laid out: its header and what follows.
pub struct Plan<'a> {
    header: Vec<u8>,
    align: u64,
    items: &'a [Item<'a>],
}

impl<'a> Plan<'a> {
    /// A file of `items`, in their order: the header of `source` (whose bytes are `head`) with `summary`
    /// added, then the tensors, the first of them on `begin` bytes.
    pub fn new(
        (head, source): (&[u8], &Header),
        summary: Option<&Summary<'_>>,
        items: &'a [Item<'a>],
        begin: usize,
    ) -> Self {
        let pairs = |format| summary.map_or_else(Vec::new, |summary| summary.pairs(format));
        let tensors =
            items.iter().map(|i| (i.name.as_str(), i.dtype.as_str(), &i.shape[..], i.content.len()));
        let align = alignment(source, begin);
        let header = match source {
            Header::Safetensors(metadata) => {
                let ours = pairs(Format::Safetensors);
                let kept = metadata.iter().filter(|(key, _)| !ours.iter().any(|(own, _)| own == key));
                let metadata: Vec<_> = kept.chain(&ours).cloned().collect();
                safetensors::header(&metadata, tensors, begin)
            }
            Header::Gguf(source) => gguf::header(head, source, &pairs(Format::Gguf), tensors, align),
        };
        Plan { header, align, items }
    }

    /// Where the first tensor begins.
    pub fn start(&self) -> u64 {
        self.header.len() as u64
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        let tensors = self.items.iter().map(|item| item.content.len().next_multiple_of(self.align));
        self.start() + tensors.sum::<u64>()
    }

    /// Writes the file, moving what was placed where its header is not as long as was foreseen. `advance`
    /// hears of every byte of tensors.
    ///
    /// # Errors
    /// [`Error::Write`] when `out` fails; those of reading words.
    pub fn write(&self, out: &mut dyn Output, advance: &mut dyn FnMut(usize)) -> Result<()> {
        let placed = |item: &Item<'_>| match &item.content {
            Content::Placed(range) => Some(range.clone()),
            _ => None,
        };
        let mut at = self.start();
        let written: Vec<Range<u64>> = self.items.iter().filter_map(placed).collect();
        if let (Some(first), Some(last)) = (written.first(), written.last()) {
            shift(out, first.start..last.end, at).map_err(failed)?;
            advance((last.end - first.start) as usize);
            at += last.end.next_multiple_of(self.align) - first.start;
        }
        // Behind them may be what a table left that stays plain after all.
        out.set_length(at).map_err(failed)?;
        out.rewind().and_then(|()| out.write_all(&self.header)).map_err(failed)?;
        out.seek(SeekFrom::Start(at)).map_err(failed)?;
        for item in self.items {
            match &item.content {
                Content::Placed(_) => continue,
                Content::Bytes(bytes) => {
                    for part in bytes.chunks(PART) {
                        out.write_all(part).map_err(failed)?;
                        advance(part.len());
                    }
                }
                Content::Elements(elements) => write_elements(*elements, out, advance)?,
            }
            let length = item.content.len();
            let hole = length.next_multiple_of(self.align) - length;
            out.write_all(&vec![0; hole as usize]).map_err(failed)?;
        }
        Ok(())
    }
}

fn failed(cause: io::Error) -> Error {
    Error::Write { cause }
}

fn write_elements(all: Elements<'_>, out: &mut dyn Output, advance: &mut dyn FnMut(usize)) -> Result<()> {
    let Elements { words, count, dtype, element, backend } = all;
    let mut part = vec![0; count.min(PART / 2)];
    for first in (0..count).step_by(PART / 2) {
        let part = &mut part[..(count - first).min(PART / 2)];
        words.read(first, part)?;
        let bytes = element_bytes(backend, dtype, element, part);
        out.write_all(&bytes).map_err(failed)?;
        advance(bytes.len());
    }
    Ok(())
}

/// Moves bytes of a file to where they begin at `to`, which may be among them.
fn shift(file: &mut dyn Output, from: Range<u64>, to: u64) -> io::Result<()> {
    let length = from.end - from.start;
    let parts = if from.start == to { 0 } else { length.div_ceil(PART as u64) };
    let mut part = vec![0; if parts == 0 { 0 } else { PART }];
    for number in 0..parts {
        // Towards the end of the file from behind, so that nothing is written over before it was read.
        let number = if to > from.start { parts - 1 - number } else { number };
        let at = number * PART as u64;
        let part = &mut part[..(length - at).min(PART as u64) as usize];
        file.seek(SeekFrom::Start(from.start + at))?;
        file.read_exact(part)?;
        file.seek(SeekFrom::Start(to + at))?;
        file.write_all(part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_both_ways_and_over_themselves() {
        let bytes: Vec<u8> = (0..2 * PART + 999).map(|i| ((i * i) >> 7) as u8).collect();
        for (from, to) in [(64, 64), (64, 128), (640, 64), (0, PART as u64 + 5), (3 * PART as u64, 1)] {
            let mut file = tempfile::tempfile().expect("temporary file");
            file.seek(SeekFrom::Start(from)).expect("seeks");
            file.write_all(&bytes).expect("writes");
            shift(&mut file, from..from + bytes.len() as u64, to).expect("moves");
            let mut moved = vec![0; bytes.len()];
            file.seek(SeekFrom::Start(to)).expect("seeks");
            file.read_exact(&mut moved).expect("reads");
            assert!(moved == bytes, "from {from} to {to}");
        }
    }
}
