//! Loops of codec `xnc`: blocks of words from their bits, and to them.

pub mod decode;
pub mod encode;
