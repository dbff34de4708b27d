//! Codec `fast`: rows that decode alone, at memory speed, and products of them. `spec/fast.md`.
//!
//! [`symbols`] chooses the codes of a table, [`row`] writes one row, [`encode`] a table; [`index`] knows where
//! rows lie, [`reader`] reads them, [`product`] multiplies.

mod encode;
mod index;
mod product;
mod reader;
mod row;
mod symbols;

#[cfg(any(feature = "threads", feature = "write"))]
pub use encode::encode;
pub use reader::FastReader;

use crate::dtype::Dtype;
use crate::kernel::fast::row::{RowShape, WordSplit};

/// How the words of a type divide.
const fn split(dtype: Dtype) -> WordSplit {
    match dtype {
        Dtype::Bf16 => WordSplit::Bf16,
        Dtype::F16 => WordSplit::F16,
    }
}

/// Bytes of a row as it usually is: one word in 64 is listed.
#[cfg(feature = "threads")]
pub fn usual_row(dtype: Dtype, dim: usize) -> usize {
    RowShape { dim, split: split(dtype) }.coded() + dim / 32
}

/// Biases of columns in the order of places, through groups and tail.
fn by_place(row: RowShape, bias: &[u8]) -> Vec<u8> {
    (0..row.dim).map(|at| bias[row.column(at)]).collect()
}

#[cfg(test)]
mod ratio;
#[cfg(test)]
mod tests;
