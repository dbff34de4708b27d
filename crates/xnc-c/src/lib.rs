//! The C interface: `include/xnc.h` is made from this crate, and says what callers are promised.
//!
//! This is a shell: it turns pointers into slices, errors into statuses, and calls the library `xnc`. Every
//! function goes through `status`, so that a panic ends there. What C hands over passes `memory`, which
//! refuses what can be seen to be wrong before Rust makes a slice of it; enumerations come in as numbers, since a
//! Rust enumeration of an unknown value would be undefined behaviour.
//!
//! `abi.txt` lists what programs are linked against, with the version that brought it; `tests/abi.rs` holds the
//! header and the shared library to it.

#![allow(unsafe_code)] // a foreign interface
#![allow(clippy::missing_safety_doc)] // one contract for all functions, at the head of the header

mod info;
mod memory;
mod model;
mod status;
mod store;
mod table;
mod version;

pub use info::{Codec, Dtype, TableInfo, xnc_codec_name};
pub use model::*;
pub use status::{Status, xnc_last_error};
pub use store::*;
pub use table::*;
pub use version::*;
