//! Loops of codec `fast`: rows to parts and back, and products of coded rows.

pub mod pack;
pub mod product;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod rooms;
pub mod row;
pub mod unpack;
