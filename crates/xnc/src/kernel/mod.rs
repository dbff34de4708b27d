//! Hot loops: the only `unsafe` of the library besides the file mapping.
//!
//! One folder an operation. Its `mod.rs` holds the contract, asserts lengths once and dispatches on a [`Backend`]; `scalar.rs` is first and
//! complete; each other file is one instruction set. Every backend gives the same bits, and one test run covers all that the
//! machine has. Kernels take slices, allocate nothing, cannot fail, and import nothing from the rest of the crate.
#![allow(unsafe_code)]

mod backend;
pub mod residual;
pub mod similar;

pub use backend::Backend;
