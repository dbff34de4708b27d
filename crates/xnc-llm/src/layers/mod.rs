//! The parts of a decoder layer, on slices. A batch of `m` vectors is one slice, one vector after another.

mod attention;
mod exp;
mod feed;
mod lanes;
mod matrix;
mod norm;
mod product;
mod rope;

pub use attention::{Attention, Cache, Kept};
pub use feed::{Activation, gate};
pub use matrix::{Matrix, Products, Room};
pub use norm::{Norm, rms};
pub use rope::{Pairing, Rope};
