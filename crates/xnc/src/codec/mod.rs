//! Words to bytes and back: one folder a codec, one interface to all of them.
//!
//! A codec cuts a table into *chunks* that are checked alone. The chunks, one after another, are its
//! *payload*; what finds and checks them is its *index*; a few numbers about the whole are its *params*. The
//! container stores the three and knows no more. Codecs do no I/O and hold no `unsafe`. A new codec is a
//! folder here, a variant of [`Codec`] and its arms in this file, and a page of the specification.

mod bits;
mod columns;
mod dense;
mod fast;
mod ordered;
mod pages;
mod placing;
mod plain;
mod product;
mod recast;
mod records;
mod rows;
mod tight;
#[cfg(test)]
mod trial;
mod view;
pub mod xnc;

use std::fmt;
use std::io;
#[cfg(feature = "threads")]
use std::io::Write;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

#[cfg(feature = "write")]
pub use bits::{BitReader, BitWriter};
pub use dense::Effort;
pub use ordered::for_each_part;
#[cfg(feature = "map")]
pub use pages::PAGE;
#[cfg(feature = "threads")]
use placing::Placing;
pub use plain::PlainReader;
pub use product::{Product, Vectors, Way};
#[cfg(feature = "write")]
pub use recast::element_bytes;
pub use recast::{Narrowed, leave};
#[cfg(feature = "threads")]
pub use recast::{Recast, words_of};
pub use view::{Checks, Stored, View};

use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::stream::Stream;

/// Name of a codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Rows that decode alone at memory speed, products from compressed rows: `spec/fast.md`. The default.
    #[default]
    Fast,
    /// Fewer bytes than `fast` for the same use, products as quick where AVX-512 is: `spec/tight.md`.
    Tight,
    /// The published block scheme: `spec/xnc.md`.
    Xnc,
    /// The smallest: predicts rows from columns, from themselves and from each other: `spec/dense.md`.
    Dense,
}

impl Codec {
    /// Every codec of this build.
    pub const ALL: &[Codec] = &[Codec::Fast, Codec::Tight, Codec::Xnc, Codec::Dense];

    /// Name in files and on the command line; [`str::parse`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Fast => "fast",
            Codec::Tight => "tight",
            Codec::Xnc => "xnc",
            Codec::Dense => "dense",
        }
    }

    /// Whether this codec encodes tables of that shape; others stay plain. A table without words may claim
    /// rows or columns that no memory holds.
    pub(crate) fn takes(self, shape: TableShape) -> bool {
        shape.words() > 0
            && match self {
                Codec::Fast | Codec::Tight | Codec::Xnc => true,
                Codec::Dense => shape.dim <= dense::WIDEST,
            }
    }

    /// Whether the writer chooses where rows begin.
    pub(crate) const fn places_rows(self) -> bool {
        match self {
            Codec::Fast | Codec::Tight => true,
            Codec::Xnc | Codec::Dense => false,
        }
    }

    /// Whether BF16 values that are stored as FP16 words are coded as BF16. The published scheme codes FP16
    /// words as they are.
    pub(crate) const fn sees_through_f16(self) -> bool {
        match self {
            Codec::Fast | Codec::Tight | Codec::Dense => true,
            Codec::Xnc => false,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = Error;

    fn from_str(name: &str) -> Result<Codec> {
        let unknown = || Error::Unknown { what: "the request".into(), kind: "codec", found: name.into() };
        Codec::ALL.iter().copied().find(|codec| codec.name() == name).ok_or_else(unknown)
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
    /// Takes the first axis as rows and all others together as a row. None when the words do not fit this
    /// machine's memory space.
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

/// How a table is encoded.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// The codec.
    pub codec: Codec,
    /// How much time codec `dense` may take.
    pub effort: Effort,
    /// Whether codecs `fast` and `tight` place rows by pages.
    pub pages: bool,
    /// Instruction set of the encoder; the bytes do not depend on it.
    pub backend: Backend,
}

#[cfg(feature = "threads")]
impl Encoding {
    /// What a payload has to begin on, for rows to lie as they are placed.
    #[cfg(feature = "write")]
    pub fn begin(self) -> usize {
        if self.pages && self.codec.places_rows() { PAGE } else { 1 }
    }

    /// Whether a table under a codec with these params is as this would make it.
    #[cfg(feature = "write")]
    pub fn made(self, codec: Codec, params: &Value, shape: TableShape) -> bool {
        codec == self.codec && (!codec.places_rows() || *params == serde_json::json!(self.placing(shape)))
    }

    fn placing(self, shape: TableShape) -> Placing {
        let usual = match self.codec {
            Codec::Fast => fast::usual_row(shape.dtype, shape.dim),
            Codec::Tight => tight::usual_row(shape.dtype, shape.dim),
            Codec::Xnc | Codec::Dense => return Placing::DENSE,
        };
        if self.pages { Placing::by_pages(usual.max(1), (2 * shape.dim).max(1)) } else { Placing::DENSE }
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

/// Encodes a table of a shape that the codec [takes](Codec::takes): the payload goes to `payload` in order,
/// `advance` hears of every word done. No codec holds all words at a time. Uses the threads of the
/// current rayon pool; the bytes do not depend on their number.
///
/// # Errors
/// Those of `words`; [`Error::Write`] when writing the payload fails.
#[cfg(feature = "threads")]
pub fn encode(
    encoding: Encoding,
    shape: TableShape,
    words: &dyn Source,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let Encoding { codec, effort, backend, .. } = encoding;
    let placing = encoding.placing(shape);
    match codec {
        Codec::Fast => fast::encode(backend, shape, words, placing, payload, advance),
        Codec::Tight => tight::encode(shape, words, placing, payload, advance),
        Codec::Xnc => xnc::encode(backend, shape, words, payload, advance),
        Codec::Dense => dense::encode(backend, shape, words, effort, payload, advance),
    }
}

/// An encoder knows no path; whoever gave it the payload names the file.
fn write_failed(cause: io::Error) -> Error {
    Error::Write { cause }
}

/// Reads index and params of a table. After this, chunk arithmetic cannot fail; chunk bytes are still unchecked.
///
/// # Errors
/// [`Error::Corrupt`] where they contradict the shape, the payload, or themselves.
pub fn open(
    codec: Codec,
    shape: TableShape,
    params: &Value,
    stored: Stored<'_>,
    backend: Backend,
) -> Result<Arc<dyn Reader>> {
    Ok(match codec {
        Codec::Fast => Arc::new(fast::FastReader::open(shape, params, stored, backend)?),
        Codec::Tight => Arc::new(tight::TightReader::open(shape, params, stored, backend)?),
        Codec::Xnc => Arc::new(xnc::XncReader::open(shape, params, stored, backend)?),
        Codec::Dense => Arc::new(dense::DenseReader::open(shape, params, stored, backend)?),
    })
}

/// What a codec answers about an open table. Numbers and ranges that callers pass are inside the table.
pub trait Reader: Send + Sync {
    /// Element type and extent of the coded words.
    fn shape(&self) -> TableShape;

    /// The instruction set that this table's kernels run on.
    fn backend(&self) -> Backend;

    /// Words in every chunk but the last.
    fn chunk_words(&self) -> usize;

    /// Bytes of the index that all rows share: what the codec knows of the table as a whole.
    fn model_bytes(&self) -> usize {
        0
    }

    /// Number of parts of the payload that have a checksum each; the chunks, if a codec says nothing else.
    fn units(&self, _: Stored<'_>) -> usize {
        self.shape().words().div_ceil(self.chunk_words())
    }

    /// What such a part is called.
    fn unit_name(&self) -> &'static str {
        "chunk"
    }

    /// The parts that words lie in.
    fn units_of(&self, _: Stored<'_>, words: Range<usize>) -> Range<usize> {
        words.start / self.chunk_words()..words.end.div_ceil(self.chunk_words())
    }

    /// Where such a part lies in the payload, and its CRC-32C; none where the format has no checksum.
    fn unit(&self, stored: Stored<'_>, number: usize) -> Option<(Range<usize>, u32)>;

    /// Decodes words of one chunk, which was checked, from word `first` of the chunk on. Through `far`, if
    /// there is one and the codec is quicker than memory.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
    fn decode(
        &self,
        view: &View<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        far: Option<&Stream>,
    ) -> Result<()>;

    /// Decodes rows anywhere, one after another, and checks the chunks that they lie in.
    ///
    /// # Errors
    /// As [`Reader::decode`].
    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()>;

    /// Where a row lies in the payload, in a codec whose rows decode alone; none in others.
    fn place(&self, _: Stored<'_>, _row: usize) -> Option<Range<usize>> {
        None
    }

    /// Asks memory for what [`Reader::place`] and [`Reader::decode_alone`] read of the index.
    fn ask_for(&self, _: Stored<'_>, _row: usize) {}

    /// Bytes, of any value, that have to follow a row's where it is decoded alone.
    fn guard(&self) -> usize {
        0
    }

    /// Decodes a row that has a [place](Reader::place): `stored` has the index, and for a payload the row's bytes
    /// with their [guard](Reader::guard).
    fn decode_alone(&self, _: Stored<'_>, _row: usize, _out: &mut [u16]) {
        unreachable!("the codec has no places of rows");
    }

    /// Makes vectors of activations ready for products with this table's rows.
    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product>;
}
