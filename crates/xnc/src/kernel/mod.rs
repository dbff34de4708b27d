//! Hot loops: the only `unsafe` of the library besides the file mapping.
//!
//! One folder an operation. Its `mod.rs` holds the contract, asserts lengths once and dispatches on a [`Backend`]; `scalar.rs` is first and
//! complete; each other file is one instruction set. Every backend gives the same bits, and one test run covers all that the
//! machine has. Kernels take slices, allocate nothing, cannot fail, and import nothing from the rest of the crate but `dtype`.
#![allow(unsafe_code)]

pub mod dot;
pub mod pack;
pub mod product;
pub mod residual;
pub mod row;
pub mod similar;
pub mod stream;
pub mod unpack;
pub mod widen;

mod aligned;
mod backend;
pub mod xnc_decode;
pub mod xnc_encode;

pub use aligned::Aligned;
pub use backend::Backend;

/// The bytes of words, as they lie in memory.
///
/// # Panics
/// On a big-endian machine, where they would not be the bytes of a file.
pub fn bytes_of(words: &[u16]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: any two bytes are a word, and any word is two bytes.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 2 * words.len()) }
}

/// Asks the machine for the cache lines of `values`, to be there when they are read. Changes nothing.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(64) {
        // SAFETY: every x86-64 machine has the instruction, and a prefetch reads nothing, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast::<i8>().wrapping_add(line));
        }
    }
}
