//! Lossless compression of the 16-bit embedding tables of language models, bit for bit, addressable by row.
//!
//! ```no_run
//! use std::path::Path;
//! use xnc::{Table, Verify};
//!
//! # fn main() -> xnc::Result<()> {
//! let table = Table::open(Path::new("model.xnc.safetensors"), "model.embed_tokens.weight", Verify::default())?;
//! let mut row = vec![0; table.dim()];
//! table.row(42, &mut row)?; // the source's words; only the pages of this row's chunk were read
//! # Ok(())
//! # }
//! ```
//!
//! Files go through [`compress()`], [`transcode()`], [`restore()`] and [`verify()`]; [`Table`] reads rows; [`analyze()`] counts. The way of the data:
//! file bytes, [`model`], [`codec`], [`container`], [`table`]. The formats are specified in the repository's `spec/`.

pub mod codec;
pub mod container;
pub mod dtype;
pub mod kernel;
pub mod model;
pub mod table;

mod analyze;
mod conversions;
mod digest;
mod error;
mod file;
mod folder;
mod kinds;
mod options;
mod progress;
mod target;
mod threads;

pub use analyze::{Analysis, Patterns, analyze};
pub use codec::Codec;
pub use codec::dense::Effort;
pub use conversions::{compress, restore, transcode, verify};
pub use dtype::Dtype;
pub use error::{Error, Result};
pub use file::restore_into;
pub use kernel::Backend;
pub use model::role::Selection;
pub use options::{
    CompressOptions, CompressReport, RestoreOptions, RestoreReport, TensorReport, TranscodeOptions,
};
pub use progress::{Progress, Stage};
pub use table::{Activations, Table, Verify};
pub use target::{Target, remove_temporaries};

#[cfg(test)]
#[path = "../tests/support/random.rs"]
mod random;
