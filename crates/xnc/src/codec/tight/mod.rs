//! Codec `tight`: rows that decode alone, in fewer bytes than codec `fast` takes, and products of them, as quick
//! where AVX-512 is. `spec/tight.md`.
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
pub use reader::TightReader;

use crate::dtype::Dtype;
use crate::kernel::tight::row::{RowShape, WordSplit};

/// How the words of a type divide.
const fn split(dtype: Dtype) -> WordSplit {
    match dtype {
        Dtype::Bf16 => WordSplit::Bf16,
        Dtype::F16 => WordSplit::F16,
    }
}

/// Bytes of a row as it usually is: three words in eight have a code in the second level or behind.
#[cfg(feature = "threads")]
pub fn usual_row(dtype: Dtype, dim: usize) -> usize {
    RowShape { dim, split: split(dtype) }.coded() + 3 * dim / 32
}

/// Biases of columns in the order of places; 0 for a place that is no word's.
fn by_place(row: RowShape, bias: &[u8]) -> Vec<u8> {
    (0..row.places()).map(|at| bias.get(row.column(at)).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests;
