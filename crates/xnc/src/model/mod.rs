//! Model files: which tensors lie where. Knows nothing of codecs.
//!
//! A [`Layout`] is read from a file's first bytes and the file's length. Every field is hostile until checked: no
//! allocation is sized by one, and after parsing all byte ranges lie in the file and do not overlap. Time and memory
//! grow with the length of the header, not with its square.

#[cfg(feature = "write")]
pub mod folder;
pub mod gguf;
pub mod role;
pub mod safetensors;

mod foreign;
mod index;

use std::fmt;
use std::ops::Range;

use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};

use index::Index;

/// A model file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON header, then the tensors without holes.
    Safetensors,
    /// Key-value pairs and tensor infos, then aligned tensors.
    Gguf,
}

impl Format {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Format::Safetensors => "safetensors",
            Format::Gguf => "gguf",
        }
    }

    /// Element type of a tensor that is just bytes. GGUF has no unsigned one.
    pub(crate) const fn byte_type(self) -> &'static str {
        match self {
            Format::Safetensors => "U8",
            Format::Gguf => "I8",
        }
    }

    /// Longest tensor name in bytes, where the format's readers have a limit.
    pub(crate) const fn longest_name(self) -> usize {
        match self {
            Format::Safetensors => usize::MAX,
            Format::Gguf => 63,
        }
    }
}

/// The name in files and messages, and the usual extension.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    /// Element type as the file spells it.
    pub dtype: String,
    /// Extents, outermost first.
    pub shape: Vec<u64>,
    /// Bytes in the file.
    pub range: Range<u64>,
}

impl Tensor {
    /// Element type, when tables may be stored in it.
    pub fn element(&self) -> Option<Element> {
        Element::from_name(&self.dtype)
    }

    /// Element type, when it is one of the two that tables are made of.
    pub fn table_dtype(&self) -> Option<Dtype> {
        self.element()?.dtype()
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// What a model file's header says.
#[derive(Clone, Debug)]
pub struct Layout {
    format: Format,
    tensors: Vec<Tensor>,
    index: Index,
    header: Header,
}

/// What a header says besides its tensors.
#[derive(Clone, Debug)]
pub enum Header {
    /// The text pairs of `__metadata__`, in their order.
    Safetensors(Vec<(String, String)>),
    /// Extents of the key-value pairs.
    Gguf(gguf::GgufHeader),
}

impl Layout {
    /// Reads the header of a file of `file_bytes` bytes that begins with `head`.
    ///
    /// # Errors
    /// [`Error::NotAModel`] when it is no model file, and says what it is; [`Error::Corrupt`] when its header
    /// contradicts itself or the file's length; [`Error::Unknown`] when it is newer than this build.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Layout> {
        if head.starts_with(gguf::MAGIC) {
            gguf::parse(head, file_bytes)
        } else {
            safetensors::parse(head, file_bytes)
        }
    }

    /// A layout of tensors that are in the order of their bytes; their names must differ.
    fn new(format: Format, tensors: Vec<Tensor>, header: Header) -> Result<Layout> {
        let index = Index::new(&tensors)
            .map_err(|name| Error::corrupt(format!("tensor `{name}` stands twice in the header")))?;
        Ok(Layout { format, tensors, index, header })
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// All tensors, in the order of their bytes.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// What the header says besides its tensors.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The tensor of that name, found in constant time.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.position(name).map(|position| &self.tensors[position])
    }

    /// Where the tensor of that name stands in [`Layout::tensors`].
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.find(&self.tensors, name)
    }

    /// The byte ranges outside all tensors, in order: header, holes, tail.
    pub fn gaps(&self, file_bytes: u64) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut end = 0;
        for tensor in &self.tensors {
            if tensor.range.start > end {
                gaps.push(end..tensor.range.start);
            }
            end = end.max(tensor.range.end);
        }
        if end < file_bytes {
            gaps.push(end..file_bytes);
        }
        gaps
    }
}

/// Number of elements of a shape, whose extents other than 0 multiply to a number of 64 bits; none where they
/// do not, in whatever order they stand.
pub(crate) fn elements(shape: &[u64]) -> Option<u64> {
    let product = shape.iter().try_fold(1u64, |n, &axis| n.checked_mul(axis.max(1)))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// The error of a file whose header tells of more bytes than are there, as a download leaves it that was broken off.
fn cut_short(file_bytes: u64, needed: u64) -> Error {
    Error::corrupt(format!(
        "the file is cut short: it has {file_bytes} bytes, and its header tells of {needed}; download it again"
    ))
}
