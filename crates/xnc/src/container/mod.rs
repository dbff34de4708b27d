//! Compressed files: a model file whose tables are payloads with companions. `spec/container.md`.
//!
//! A compressed file is a valid file of its source's format, so it is read through [`crate::model`]. This module knows which
//! tensors are payloads, indexes and records; what a payload's bytes mean is the codecs' business.

mod map;
mod meta;
mod outside;
mod reader;
mod writer;

pub use map::Map;
pub use meta::{ALIGN, FileRecord, Piece, Storage, TensorMeta, VERSION};
pub(crate) use reader::Standing;
pub use reader::{Coded, Container};
pub(crate) use writer::alignment;
pub use writer::{Content, Item, Plan};

pub(crate) use meta::{seal, unseal as read_record};
pub(crate) use outside::{keep, kept, recover_kept};

/// Name of the companion that records the source file.
pub const FILE_RECORD: &str = "xnc.file";
/// Suffix of the companion that holds a table's index.
pub const INDEX_SUFFIX: &str = ".xnc_index";
/// Suffix of the companion that describes a compressed tensor.
pub const META_SUFFIX: &str = ".xnc_meta";
