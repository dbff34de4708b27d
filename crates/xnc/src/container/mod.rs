//! Compressed files: a model file whose tables are payloads with companions. `spec/container.md`.
//!
//! A compressed file is a valid file of its source's format, so it is read through [`crate::model`]. This
//! module knows which tensors are payloads, indexes and records; what a payload's bytes mean is the codecs'
//! business.

#[cfg(feature = "write")]
mod cut;
mod json;
mod map;
mod meta;
mod opened;
#[cfg(feature = "write")]
mod outside;
mod reader;
#[cfg(feature = "write")]
mod writer;

#[cfg(feature = "write")]
pub use cut::watch_for_cuts;
pub use map::Map;
pub use meta::{FileRecord, Storage, TensorMeta};
pub use opened::{Opened, StoredBytes};
pub use reader::Container;
#[cfg(feature = "write")]
pub use writer::{Content, Elements, Item, Output, Plan, Summary, alignment};

#[cfg(feature = "write")]
pub use meta::{ALIGN, Piece, VERSION, seal, unseal as read_record};
#[cfg(feature = "write")]
pub use outside::{keep, kept, recover_kept};
#[cfg(feature = "write")]
pub use reader::Standing;

/// Name of the companion that records the source file.
pub const FILE_RECORD: &str = "xnc.file";
/// Suffix of the companion that holds a table's index.
pub const INDEX_SUFFIX: &str = ".xnc_index";
/// Suffix of the companion that describes a compressed tensor.
pub const META_SUFFIX: &str = ".xnc_meta";
