//! Codec `fast`: rows that decode alone, at memory speed, and products of them. `spec/fast.md`.
//!
//! [`symbols`] chooses the codes of a table, [`row`] writes one row, [`encode`] a table; [`index`] knows where rows lie,
//! [`reader`] reads them, [`product`] multiplies.

#[cfg(feature = "threads")]
mod encode;
mod index;
mod product;
mod reader;
mod row;
mod symbols;

#[cfg(feature = "threads")]
pub use encode::encode;
#[cfg(feature = "threads")]
pub use index::Placing;
pub use reader::FastReader;

use crate::dtype::Dtype;
use crate::kernel::fast::row::WordSplit;

/// How the words of a type divide.
const fn split(dtype: Dtype) -> WordSplit {
    match dtype {
        Dtype::Bf16 => WordSplit::Bf16,
        Dtype::F16 => WordSplit::F16,
    }
}

#[cfg(test)]
mod ratio;
#[cfg(test)]
mod tests;
