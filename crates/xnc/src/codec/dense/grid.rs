//! The number format that words are coded in.

use serde::{Deserialize, Serialize};

use crate::dtype::{Dtype, bf16_to_f16, f16_to_bf16};

/// Which values words may have, and how the table stores them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grid {
    /// BF16.
    #[serde(rename = "bf16")]
    Bf16,
    /// FP16 words that are all images of BF16 words, coded as those.
    #[serde(rename = "bf16_in_f16")]
    Bf16InF16,
    /// FP16.
    #[serde(rename = "f16")]
    F16,
}

impl Grid {
    /// The grid of a table's words.
    pub fn of(dtype: Dtype, words: &[u16]) -> Grid {
        let image = |&word: &u16| bf16_to_f16(f16_to_bf16(word)) == word;
        match dtype {
            Dtype::Bf16 => Grid::Bf16,
            Dtype::F16 if words.iter().all(image) => Grid::Bf16InF16,
            Dtype::F16 => Grid::F16,
        }
    }

    /// Whether a table of this type can be coded on it.
    pub fn fits(self, dtype: Dtype) -> bool {
        (self == Grid::Bf16) == (dtype == Dtype::Bf16)
    }

    /// The type whose values the coded words have.
    pub fn dtype(self) -> Dtype {
        if self == Grid::F16 { Dtype::F16 } else { Dtype::Bf16 }
    }

    /// Turns a table's words into the coded ones.
    pub fn enter(self, words: &mut [u16]) {
        if self == Grid::Bf16InF16 {
            words.iter_mut().for_each(|word| *word = f16_to_bf16(*word));
        }
    }

    /// Turns coded words back into the table's.
    pub fn leave(self, words: &mut [u16]) {
        if self == Grid::Bf16InF16 {
            words.iter_mut().for_each(|word| *word = bf16_to_f16(*word));
        }
    }

    /// The value of a coded word; NaN where it is not finite.
    pub fn value(self, word: u16) -> f32 {
        let value = self.dtype().to_f32(word);
        if value.is_finite() { value } else { f32::NAN }
    }
}
