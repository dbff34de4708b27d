//! Portable, and what defines the others.

use crate::dtype::{Dtype, bf16_to_f16};

pub(super) fn to_f32(dtype: Dtype, words: &[u16], out: &mut [f32]) {
    match dtype {
        // Apart, so that the compiler turns each into a vector loop.
        Dtype::Bf16 => out.iter_mut().zip(words).for_each(|(out, &word)| *out = Dtype::Bf16.to_f32(word)),
        Dtype::F16 => out.iter_mut().zip(words).for_each(|(out, &word)| *out = Dtype::F16.to_f32(word)),
    }
}

pub(super) fn to_f16(words: &mut [u16]) {
    words.iter_mut().for_each(|word| *word = bf16_to_f16(*word));
}
