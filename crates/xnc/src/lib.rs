//! Lossless compression of the 16-bit embedding tables of language models, bit for bit, addressable by row.
//!
//! In a 4-bit model the embedding table usually stays at 16 bits. This crate keeps such tables compressed, in
//! a file of the model's own format and in memory, and reads single rows and takes products from them as they
//! are.
//!
//! # Look rows up
//!
//! A [`Model`] is a mapped file ([`Model::open`]), a part of one ([`Model::open_part`]), or bytes in memory
//! ([`Model::from_bytes`]); it hands out [`Table`]s, which are cheap to clone and outlive it.
//!
//! ```
//! # fn main() -> xnc::Result<()> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/1.0-fast.safetensors");
//! let model = xnc::Model::open(path)?; // or a plain file: all calls are the same
//! let table = model.table("model.embed_tokens.weight")?;
//! let mut row = vec![0; table.dim()];
//! table.row(42, &mut row)?; // the source's words; only the pages of this row's chunk were read
//!
//! let ids = [3, 1, 4, 1];
//! let mut values = vec![0.0; ids.len() * table.dim()];
//! table.gather_f32(&ids, &mut values)?; // exact values; `gather` gives the words
//! # Ok(())
//! # }
//! ```
//!
//! # Encode words in memory, multiply
//!
//! ```
//! # fn main() -> xnc::Result<()> {
//! use xnc::{Dtype, EncodeOptions, Table};
//!
//! let (rows, dim) = (1000, 64);
//! let words: Vec<u16> = (0..rows * dim).map(|i| 0x3c00 | (i % 251) as u16).collect(); // BF16
//! let table = Table::encode(Dtype::Bf16, rows, dim, &words, &EncodeOptions::default())?;
//! assert!(table.stored_bytes() < 2 * (rows * dim) as u64);
//!
//! let hidden = vec![0.5; dim];
//! let mut logits = vec![0.0; rows];
//! table.product(&hidden, 0, &mut logits)?; // on the current rayon pool; 1 for this thread alone
//! # Ok(())
//! # }
//! ```
//!
//! # Compress and restore files
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use xnc::{CompressOptions, RestoreOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # let source = folder.path().join("model.safetensors");
//! # let words: Vec<u8> = (0..64_000u32).flat_map(|i| (0x3c00 | (i % 251) as u16).to_le_bytes()).collect();
//! # let tensor = safetensors::tensor::TensorView::new(safetensors::Dtype::BF16, vec![1000, 64], &words)?;
//! # safetensors::serialize_to_file([("model.embed_tokens.weight", tensor)], None, &source)?;
//! let target = source.with_extension("xnc.safetensors");
//! let report = xnc::compress(&source, &target, &CompressOptions::default())?;
//! println!("{} of {} bytes", report.output_bytes.unwrap_or(report.source_bytes), report.source_bytes);
//!
//! let back = source.with_extension("back.safetensors");
//! xnc::restore(&target, &back, &RestoreOptions::default())?; // every byte, checked by SHA-256
//! # assert_eq!(std::fs::read(&source)?, std::fs::read(&back)?);
//! # Ok(())
//! # }
//! ```
//!
//! [`compress_bytes`] and [`restore_bytes`] do the same in memory, [`transcode()`] brings a compressed file
//! under another codec, [`verify()`] checks one, [`analyze()`] counts what is in a table.
//!
//! # Threads
//!
//! Every `threads` means the same: 0 is the current rayon pool, the caller's own if the call comes from
//! inside one, else the global one; another number is the most threads that work. Products start none: the
//! calling thread works, and threads of the pool help. Results never depend on the number.
//!
//! # Features
//!
//! `map` opens files by mapping them, `threads` brings rayon and encoding, `write` compresses and restores
//! files and folders. All are on by default; without them the crate opens models from bytes and reads rows
//! and products on the caller's thread.
//!
//! # Formats
//!
//! The formats are specified in the repository's `spec/`. The way of the data reads off the folders: file
//! bytes, `model`, `codec` (with `kernel`), `container`, `table`.

#![cfg_attr(not(feature = "write"), allow(dead_code))] // a library that only reads leaves encoders unused

mod analyze;
mod backend;
mod codec;
mod container;
mod dtype;
mod error;
#[cfg(feature = "map")]
#[doc(hidden)]
pub mod internals;
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
mod kinds;
#[cfg(feature = "write")]
mod options;
#[cfg(feature = "write")]
mod target;

pub use analyze::{Analysis, Patterns, PublishedCount, analyze};
pub use codec::Codec;
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
