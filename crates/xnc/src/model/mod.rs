//! Model files: which tensors lie where. Knows nothing of codecs.
//!
//! A [`Layout`] is read from a file's first bytes and the file's length. Every field is hostile until checked:
//! no allocation is sized by one, and after parsing all byte ranges lie in the file and do not overlap.

pub mod folder;
pub mod gguf;
pub mod role;
pub mod safetensors;

use std::ops::Range;

use crate::dtype::Dtype;
use crate::error::Result;

/// A model file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON header, then the tensors without holes.
    Safetensors,
    /// Key-value pairs and tensor infos, then aligned tensors.
    Gguf,
}

impl Format {
    /// Name in files and messages, and the usual extension.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Safetensors => "safetensors",
            Format::Gguf => "gguf",
        }
    }

    /// Element type of a tensor that is just bytes. GGUF has no unsigned one.
    pub const fn byte_type(self) -> &'static str {
        match self {
            Format::Safetensors => "U8",
            Format::Gguf => "I8",
        }
    }

    /// Longest tensor name in bytes, where the format's readers have a limit.
    pub const fn longest_name(self) -> usize {
        match self {
            Format::Safetensors => usize::MAX,
            Format::Gguf => 63,
        }
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
    /// Element type, when it is one of the two that tables are made of.
    pub fn table_dtype(&self) -> Option<Dtype> {
        match self.dtype.as_str() {
            "BF16" => Some(Dtype::Bf16),
            "F16" => Some(Dtype::F16),
            _ => None,
        }
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// What a model file's header says.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The format.
    pub format: Format,
    /// All tensors, in the order of their bytes.
    pub tensors: Vec<Tensor>,
    /// What else the header says.
    pub header: Header,
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
    /// [`crate::Error::NotAModel`] when it is no model file, [`crate::Error::Corrupt`] when its header contradicts itself or the file's length.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Layout> {
        if head.starts_with(gguf::MAGIC) {
            gguf::parse(head, file_bytes)
        } else {
            safetensors::parse(head, file_bytes)
        }
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
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
