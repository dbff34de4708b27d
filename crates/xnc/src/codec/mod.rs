//! Words to bytes and back: one folder a codec, one interface to all of them.
//!
//! A codec cuts a table into *chunks* that decode alone. The chunks, one after another, are its *payload*; what finds and
//! checks them is its *index*; a few numbers about the whole are its *params*. The container stores the three and knows no more.
//! Codecs do no I/O and hold no `unsafe`.

pub mod bits;
pub mod dense;
pub mod fast;
pub mod ordered;
pub mod xnc;

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::stream::Stream;

/// Name of a codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Codec {
    /// Rows that decode alone at memory speed: `spec/fast.md`.
    Fast,
    /// The published block scheme: `spec/xnc.md`.
    Xnc,
    /// The smallest: predicts rows from columns, from themselves and from each other: `spec/dense.md`.
    Dense,
}

impl Codec {
    /// Every codec of this build.
    pub const ALL: &[Codec] = &[Codec::Fast, Codec::Xnc, Codec::Dense];

    /// Name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Fast => "fast",
            Codec::Xnc => "xnc",
            Codec::Dense => "dense",
        }
    }

    /// The codec of that name.
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.iter().copied().find(|codec| codec.name() == name)
    }

    /// Whether this codec encodes tables of that shape; others stay plain. One without words may claim rows or columns that no memory holds.
    pub fn takes(self, shape: TableShape) -> bool {
        shape.words() > 0 && (self != Codec::Dense || shape.dim <= dense::WIDEST)
    }
}

/// Element type and extent of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableShape {
    /// Element type.
    pub dtype: Dtype,
    /// Number of rows.
    pub rows: usize,
    /// Words in a row.
    pub dim: usize,
}

impl TableShape {
    /// Takes the first axis as rows and all others together as a row. None when the words do not fit this machine's memory space.
    pub fn new(dtype: Dtype, shape: &[u64]) -> Option<TableShape> {
        let (&rows, rest) = shape.split_first()?;
        let rows = usize::try_from(rows).ok()?;
        let dim = rest.iter().try_fold(1usize, |dim, &axis| dim.checked_mul(usize::try_from(axis).ok()?))?;
        rows.checked_mul(dim)?.checked_mul(2)?;
        Some(TableShape { dtype, rows, dim })
    }

    /// Number of words.
    pub fn words(&self) -> usize {
        self.rows * self.dim
    }
}

/// A table's words as an encoder takes them: any range, more than once, from any thread.
pub trait Source: Sync {
    /// Reads the words from `first` on, in row-major order, as many as `out` takes. All of them are in the table.
    ///
    /// # Errors
    /// Where they come from stored bytes: [`Error::Corrupt`].
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()>;

    /// Reads the rows `ids`, each of `dim` words, one after another.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn rows(&self, ids: &[usize], dim: usize, out: &mut [u16]) -> Result<()> {
        let mut rows = ids.iter().zip(out.chunks_exact_mut(dim.max(1)));
        rows.try_for_each(|(id, out)| self.read(id * dim, out))
    }
}

impl Source for Words<'_> {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        Words::read(self, first, out);
        Ok(())
    }
}

/// What encoding leaves besides the payload.
pub struct Encoded {
    /// Bytes of payload written.
    pub payload_bytes: u64,
    /// The index, not yet padded.
    pub index: Vec<u8>,
    /// Numbers about the whole table, kept in its metadata.
    pub params: Value,
}

/// Encodes a table of a shape that the codec [takes](Codec::takes): the payload goes to `payload` in order, `advance` hears of every word done. Only `dense` heeds `effort`, and only
/// `dense` holds all words at a time. Uses the threads of the current rayon pool; the bytes do not depend on their number.
///
/// # Errors
/// Those of `words`; [`Error::Io`] with the path `payload` when writing there fails.
pub fn encode(
    codec: Codec,
    shape: TableShape,
    words: &dyn Source,
    effort: dense::Effort,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    match codec {
        Codec::Fast => fast::encode(shape, words, payload, advance),
        Codec::Xnc => xnc::encode(shape, words, payload, advance),
        Codec::Dense => dense::encode(shape, words, effort, payload, advance),
    }
}

/// An encoder knows no path; its caller does.
fn write_failed(source: io::Error) -> Error {
    Error::io(Path::new("payload"))(source)
}

/// The stored bytes of one table, borrowed from wherever they lie.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The index, padding included.
    pub index: &'a [u8],
    /// The payload, padding included.
    pub payload: &'a [u8],
}

/// A table whose index was read and found consistent.
pub enum Opened {
    /// Codec `fast`.
    Fast(fast::Layout),
    /// Codec `xnc`.
    Xnc(xnc::Layout),
    /// Codec `dense`.
    Dense(Box<dense::Layout>),
}

impl Opened {
    /// Reads index and params. After this, chunk arithmetic cannot fail; chunk bytes are still unchecked.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where they contradict the shape, the payload, or themselves.
    pub fn open(codec: Codec, shape: TableShape, params: &Value, stored: Stored<'_>) -> Result<Opened> {
        match codec {
            Codec::Fast => fast::Layout::open(shape, params, stored).map(Opened::Fast),
            Codec::Xnc => xnc::Layout::open(shape, params, stored).map(Opened::Xnc),
            Codec::Dense => {
                dense::Layout::open(shape, params, stored).map(|layout| Opened::Dense(Box::new(layout)))
            }
        }
    }

    fn layout(&self) -> &dyn ChunkLayout {
        match self {
            Opened::Fast(layout) => layout,
            Opened::Xnc(layout) => layout,
            Opened::Dense(layout) => &**layout,
        }
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        let layout = self.layout();
        layout.shape().words().div_ceil(layout.chunk_words())
    }

    /// The words that chunk `number` holds.
    pub fn words_of(&self, number: usize) -> Range<usize> {
        let layout = self.layout();
        let first = number * layout.chunk_words();
        first..layout.shape().words().min(first + layout.chunk_words())
    }

    /// The chunk that holds word `word`.
    pub fn chunk_of(&self, word: usize) -> usize {
        word / self.layout().chunk_words()
    }

    /// Compares the checksum of chunk `number` with its bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they differ.
    pub fn check(&self, stored: Stored<'_>, number: usize) -> Result<()> {
        let (range, expected) = self.layout().record(stored, number);
        if crc32c::crc32c(&stored.payload[range]) == expected {
            Ok(())
        } else {
            Err(Error::corrupt(format!("checksum of chunk {number} does not match its bytes")))
        }
    }

    /// Decodes the words from `first` on, as many as `out` takes; all of them lie in chunk `number`. Through `far`, if there is one and the
    /// codec is quicker than memory.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
    ///
    /// # Panics
    /// If the words are not all in that chunk.
    pub fn decode(
        &self,
        stored: Stored<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()> {
        let held = self.words_of(number);
        assert!(held.start <= first && first + out.len() <= held.end);
        self.layout().decode(stored, number, first - held.start, out, far)
    }
}

/// What a codec answers about its chunks after opening. Numbers are in range, callers see to it.
trait ChunkLayout {
    fn shape(&self) -> TableShape;
    /// Words in every chunk but the last.
    fn chunk_words(&self) -> usize;
    /// Byte range in the payload and CRC-32C.
    fn record(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32);
    /// Decodes from word `first` of the chunk.
    fn decode(
        &self,
        stored: Stored<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()>;
}
