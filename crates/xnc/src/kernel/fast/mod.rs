//! Loops of codec `fast`: rows to parts and back, and products of coded rows.

pub mod pack;
pub mod product;
pub mod row;
pub mod unpack;
