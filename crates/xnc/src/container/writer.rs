//! Lays tensors out as a valid file of the source's format.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use super::ALIGN;
use crate::model::{Format, Header, gguf, safetensors};

/// Bytes written at a time. A system keeps what one call wrote in few large pieces, and whoever maps the file finds rows in them with fewer
/// misses in translating addresses: random rows of Gemma-3-270M cost a sixth less than after pages that the system copied one by one.
const PART: usize = 4 << 20;

/// Where the bytes of a tensor come from.
pub enum Content<'a> {
    /// Memory, or a mapped file.
    Bytes(&'a [u8]),
    /// A range of the scratch file.
    Scratch(Range<u64>),
}

impl Content<'_> {
    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Scratch(range) => range.end - range.start,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

/// Writes a whole file, in the order of `items`: the header of `source` (whose bytes are `head`) with `summary` added,
/// then the tensors. `advance` hears of every byte of theirs.
///
/// # Errors
/// Those of `out` and `scratch`.
pub fn write(
    out: &mut impl Write,
    (head, source): (&[u8], &Header),
    summary: &[(String, String)],
    items: &[Item<'_>],
    scratch: &mut File,
    advance: &mut dyn FnMut(usize),
) -> io::Result<()> {
    let tensors = items.iter().map(|i| (i.name.as_str(), i.dtype.as_str(), &i.shape[..], i.content.len()));
    let (header, align) = match source {
        Header::Safetensors(metadata) => {
            let kept = metadata.iter().filter(|(key, _)| !summary.iter().any(|(ours, _)| ours == key));
            let metadata: Vec<_> = kept.chain(summary).cloned().collect();
            // The format allows no holes; payloads and companions are multiples of 64 and come first.
            (safetensors::header(&metadata, tensors, ALIGN), 1)
        }
        Header::Gguf(source) => {
            let align = source.alignment.max(ALIGN as u64);
            (gguf::header(head, source, summary, tensors, align), align)
        }
    };
    out.write_all(&header)?;
    let mut part = vec![0; PART];
    for item in items {
        match &item.content {
            Content::Bytes(bytes) => {
                for part in bytes.chunks(PART) {
                    out.write_all(part)?;
                    advance(part.len());
                }
            }
            Content::Scratch(range) => {
                scratch.seek(SeekFrom::Start(range.start))?;
                let mut left = range.end - range.start;
                while left > 0 {
                    let part = &mut part[..left.min(PART as u64) as usize];
                    scratch.read_exact(part)?;
                    out.write_all(part)?;
                    advance(part.len());
                    left -= part.len() as u64;
                }
            }
        }
        let length = item.content.len();
        out.write_all(&vec![0; (length.next_multiple_of(align) - length) as usize])?;
    }
    Ok(())
}
