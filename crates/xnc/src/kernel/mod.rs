//! Hot loops: the only `unsafe` of the library besides the file mapping and the handler for mapped files that
//! are cut.
//!
//! Loops that one codec owns are in the folder of its name; the others are shared. One folder an operation:
//! its `mod.rs` holds the contract, asserts lengths once and dispatches on a [`Backend`], naming every
//! instruction set; `scalar.rs` is first and complete; each other file is one instruction set. Every backend
//! gives the same bits, and one test run covers all that the machine has: [`operations`] lists what is
//! compared. Kernels take slices, allocate nothing, cannot fail, import nothing from the rest of the crate
//! but `dtype`, and choose no backend themselves.
#![allow(unsafe_code)]

pub mod dense;
pub mod dot;
pub mod fast;
pub mod operations;
pub mod stream;
pub mod tight;
pub mod widen;
pub mod xnc;

mod ahead;
mod aligned;
mod backend;
#[cfg(feature = "write")]
mod freed;
mod huge;

pub use ahead::{Plan, prefetch};
pub use aligned::Aligned;
pub use backend::Backend;
#[cfg(feature = "write")]
pub use freed::give_back;
pub use huge::Huge;

/// The bytes of words, as they lie in memory.
///
/// # Panics
/// On a big-endian machine, where they would not be the bytes of a file.
pub fn bytes_of(words: &[u16]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: any two bytes are a word, and any word is two bytes.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 2 * words.len()) }
}
