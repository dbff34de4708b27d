//! Loops of codec `fast`: rows to parts and back, and products of coded rows.

pub mod pack;
pub mod product;
#[cfg(target_arch = "x86_64")]
mod rooms;
pub mod row;
pub mod unpack;
