//! Loops of codec `fast`: words to the parts of a coded row, coded rows to words, coded rows times
//! activations.

pub mod pack;
pub mod product;
pub mod row;
pub mod unpack;
