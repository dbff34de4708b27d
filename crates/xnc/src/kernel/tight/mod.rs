//! Loops of codec `tight`: rows to words, and products of coded rows.

#[cfg(target_arch = "x86_64")]
mod levels;
pub mod product;
pub mod row;
pub mod unpack;
