//! Biases left out of a loop: taken to the activations instead, where that changes no bit.
//!
//! A column's bias is a power of two. A product with a word that has its bias is the product of the word
//! without it and the activation times that power, as long as the word is a normal number both ways and the
//! activation stays exact.

use std::ops::RangeInclusive;

/// The biases of BF16 columns as factors of their activations.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loop adds biases
pub struct Scale {
    /// Biases as powers of two, with the sign that they turn.
    pub factors: Vec<f32>,
    /// Upper bytes, without sign, of the words that are normal numbers with every bias and without.
    pub exact: RangeInclusive<u8>,
}

impl Scale {
    /// `bias` is added to exponents, by column, modulo 256; one from 128 on takes from them, and its carry turns the
    /// sign. `None` if one has no normal power of two.
    pub fn new(bias: &[u8]) -> Option<Scale> {
        let signed = || bias.iter().map(|&bias| i32::from(bias.cast_signed()));
        let (least, most) = (signed().min()?, signed().max()?);
        let factor = |bias: i32| {
            let power = f32::from_bits(((127 + bias) as u32) << 23);
            (-126..=127).contains(&bias).then_some(if bias < 0 { -power } else { power })
        };
        // An upper byte holds all but the lowest bit of the exponent; both exponents shall be 1 to 254.
        let (first, last) = (1.max(1 - least), 254.min(254 - most));
        let exact = u8::try_from((first + 1) / 2).ok()?..=u8::try_from((last - 1) / 2).ok()?;
        Some(Scale { factors: signed().map(factor).collect::<Option<_>>()?, exact })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    #[test]
    fn factors_do_what_biases_do_to_every_exact_word() {
        for bias in 0..=u8::MAX {
            let Some(Scale { factors, exact }) = Scale::new(&[bias]) else {
                assert!([128, 129].contains(&bias));
                continue;
            };
            for word in (0..=u16::MAX).filter(|&word| exact.contains(&((word >> 8) as u8 & 0x7f))) {
                let biased = word.wrapping_add(u16::from(bias) << 7);
                let scaled = Dtype::Bf16.to_f32(word) * factors[0];
                assert_eq!(Dtype::Bf16.to_f32(biased).to_bits(), scaled.to_bits(), "{word:#x} and {bias}");
            }
        }
    }
}
