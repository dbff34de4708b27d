//! Lossless compression of the 16-bit embedding tables of language models, bit for bit, addressable by row.
#![cfg_attr(not(feature = "write"), allow(dead_code))] // a library that only reads leaves encoders unused

mod analyze;
mod backend;
mod codec;
mod container;
mod dtype;
mod error;
mod kernel;
mod model;
mod progress;
mod table;
mod threads;

#[cfg(feature = "write")]
mod conversions;
#[cfg(feature = "write")]
mod digest;
#[cfg(feature = "write")]
mod file;
#[cfg(feature = "write")]
mod folder;
#[cfg(feature = "write")]
#[doc(hidden)]
pub mod internals;
#[cfg(feature = "write")]
mod kinds;
#[cfg(feature = "write")]
mod options;
#[cfg(feature = "write")]
mod target;

pub use analyze::{Analysis, Patterns, PublishedCount, analyze};
pub use codec::{Codec, Effort};
pub use dtype::Dtype;
pub use error::{Error, Result};
pub use kernel::Backend;
pub use model::Format;
pub use progress::{Progress, Stage};
#[cfg(feature = "threads")]
pub use table::EncodeOptions;
pub use table::{Activations, Model, OpenOptions, Table, TensorInfo, Verify};

#[cfg(feature = "write")]
pub use conversions::{compress, compress_bytes, restore, restore_bytes, transcode, verify};
#[cfg(feature = "write")]
pub use model::folder::model_files;
#[cfg(feature = "write")]
pub use model::role::Selection;
#[cfg(feature = "write")]
pub use options::{CompressOptions, CompressReport, RestoreOptions, RestoreReport, TensorReport};

#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
