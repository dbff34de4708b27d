//! Loops of codec `tight`: rows to words, and products of coded rows.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod levels;
pub mod product;
pub mod row;
pub mod unpack;
