//! Element types: the two of 16 bits that tables are coded as, their bit fields, words as they lie in a file,
//! and what holds such values in disguise.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Type of the words of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(clippy::exhaustive_enums)] // the format has two; a third would be another major version
pub enum Dtype {
    /// bfloat16: 1 sign, 8 exponent, 7 mantissa bits.
    #[serde(rename = "BF16")]
    Bf16,
    /// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
    F16,
}

impl Dtype {
    /// Number of mantissa bits; the exponent field lies between them and the sign.
    pub(crate) const fn mantissa_bits(self) -> u32 {
        match self {
            Dtype::Bf16 => 7,
            Dtype::F16 => 10,
        }
    }

    /// Biased exponent field of a word.
    pub(crate) const fn exponent(self, word: u16) -> u16 {
        (word & 0x7fff) >> self.mantissa_bits()
    }

    /// Exponent field of a word with value 1.0.
    pub(crate) const fn bias(self) -> i32 {
        match self {
            Dtype::Bf16 => 127,
            Dtype::F16 => 15,
        }
    }

    /// The exact value of a word. Every BF16 and FP16 value is a binary32 value.
    pub(crate) fn to_f32(self, word: u16) -> f32 {
        match self {
            Dtype::Bf16 => f32::from_bits(u32::from(word) << 16),
            Dtype::F16 => f32::from_bits(f16_to_f32_bits(word)),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Dtype::Bf16 => "BF16",
            Dtype::F16 => "F16",
        }
    }
}

/// The name as safetensors and this project's files spell it.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the elements of a source's tensor are. FP16 elements may be BF16 values in disguise, F32 elements
/// values of either type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Element {
    /// BF16 words.
    #[serde(rename = "BF16")]
    Bf16,
    /// FP16 words.
    F16,
    /// binary32.
    F32,
}

impl Element {
    /// All of them, for callers who look whether values stored as F32 are values of 16 bits.
    pub const ALL: &[Element] = &[Element::Bf16, Element::F16, Element::F32];

    /// Name as safetensors and this project's files spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Element::Bf16 => Dtype::Bf16.name(),
            Element::F16 => Dtype::F16.name(),
            Element::F32 => "F32",
        }
    }

    /// The element type of that name, if tables are made of such elements.
    pub fn from_name(name: &str) -> Option<Element> {
        Element::ALL.iter().copied().find(|element| element.name() == name)
    }

    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Element::Bf16 | Element::F16 => 2,
            Element::F32 => 4,
        }
    }

    /// The type of the elements, if they are words.
    pub const fn dtype(self) -> Option<Dtype> {
        match self {
            Element::Bf16 => Some(Dtype::Bf16),
            Element::F16 => Some(Dtype::F16),
            Element::F32 => None,
        }
    }

    /// Whether elements of this type can hold the values of such words exactly.
    pub fn holds(self, words: Dtype) -> bool {
        matches!((self, words), (Element::Bf16, Dtype::Bf16) | (Element::F16 | Element::F32, _))
    }
}

impl From<Dtype> for Element {
    fn from(dtype: Dtype) -> Element {
        match dtype {
            Dtype::Bf16 => Element::Bf16,
            Dtype::F16 => Element::F16,
        }
    }
}

/// The word of type `dtype` that has exactly the bits of a binary32 value when it is widened, if there is one.
pub fn narrow(bits: u32, dtype: Dtype) -> Option<u16> {
    let upper = (bits >> 16) as u16;
    match dtype {
        Dtype::Bf16 => (bits & 0xffff == 0).then_some(upper),
        Dtype::F16 => {
            let (sign, exponent, mantissa) = (upper & 0x8000, bits >> 23 & 0xff, bits & 0x7f_ffff);
            let magnitude = match exponent {
                0 => 0,
                // The significand counts units of 2^(exponent - 150), FP16 subnormals units of 2^-24.
                103..113 => (0x80_0000 | mantissa) >> (126 - exponent),
                113..143 => (exponent - 112) << 10 | mantissa >> 13,
                255 => 0x7c00 | mantissa >> 13,
                _ => return None,
            };
            let word = sign | magnitude as u16;
            (f16_to_f32_bits(word) == bits).then_some(word)
        }
    }
}

/// Widens a binary16 word to binary32 bits, exactly. NaNs become quiet and keep their payload, as hardware does.
const fn f16_to_f32_bits(word: u16) -> u32 {
    let sign = ((word & 0x8000) as u32) << 16;
    let exponent = ((word >> 10) & 0x1f) as u32;
    let mantissa = (word & 0x3ff) as u32;
    match (exponent, mantissa) {
        (0, 0) => sign,
        (0, m) => {
            // A subnormal is m * 2^-24: its leading one moves to the implicit place.
            let lead = 31 - m.leading_zeros();
            sign | (lead + 103) << 23 | (m << (23 - lead)) & 0x7f_ffff
        }
        (31, 0) => sign | 0x7f80_0000,
        (31, m) => sign | 0x7fc0_0000 | m << 13,
        (e, m) => sign | (e + 112) << 23 | m << 13,
    }
}

/// The FP16 image of a BF16 word: widened to binary32, rounded to binary16 (nearest, ties to even).
/// `spec/xnc.md`, section 4.
pub const fn bf16_to_f16(word: u16) -> u16 {
    let sign = word & 0x8000;
    let exponent = ((word >> 7) & 0xff) as i32;
    let mantissa = (word & 0x7f) as u32;
    if exponent == 255 {
        return if mantissa == 0 { sign | 0x7c00 } else { sign | 0x7e00 | (mantissa << 3) as u16 };
    }
    let unbiased = exponent - 127;
    if unbiased > 15 {
        return sign | 0x7c00;
    }
    if unbiased >= -14 {
        return sign | ((unbiased + 15) as u16) << 10 | (mantissa << 3) as u16;
    }
    // FP16 subnormals count units of 2^-24; the significand here counts units of 2^(unbiased - 7).
    let shift = -17 - unbiased;
    if shift > 8 {
        return sign; // below half a unit
    }
    let significand = 0x80 | mantissa;
    if shift <= 0 {
        return sign | (significand << -shift) as u16;
    }
    let kept = significand >> shift;
    let lost = significand & ((1 << shift) - 1);
    let half = 1 << (shift - 1);
    let up = lost > half || (lost == half && kept & 1 == 1);
    sign | (kept + up as u32) as u16
}

/// Undoes [`bf16_to_f16`] where it lost nothing: widened to binary32, then the upper 16 bits.
pub const fn f16_to_bf16(word: u16) -> u16 {
    (f16_to_f32_bits(word) >> 16) as u16
}

/// Little-endian 16-bit words in borrowed bytes, at any alignment.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    bytes: &'a [u8],
}

impl<'a> Words<'a> {
    /// Views `bytes` as words.
    ///
    /// # Panics
    /// If the length is odd.
    pub fn new(bytes: &'a [u8]) -> Self {
        assert!(bytes.len().is_multiple_of(2), "words take two bytes each");
        Words { bytes }
    }

    /// The words of `range`, in order.
    ///
    /// # Panics
    /// If the range passes the end.
    pub fn iter(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = u16> + 'a {
        let (pairs, _) = self.bytes[range.start * 2..range.end * 2].as_chunks::<2>();
        pairs.iter().map(|pair| u16::from_le_bytes(*pair))
    }

    /// Copies the words that start at `first` into `out`.
    ///
    /// # Panics
    /// If `out` reaches past the end.
    pub fn read(&self, first: usize, out: &mut [u16]) {
        let words = self.iter(first..first + out.len());
        for (slot, word) in out.iter_mut().zip(words) {
            *slot = word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_equal_the_half_crate_on_every_word() {
        for word in 0..=u16::MAX {
            let wide = half::bf16::from_bits(word).to_f32();
            let cast = half::f16::from_f32_const(wide);
            if wide.is_nan() {
                // Quiet, sign and upper payload kept: what x86 hardware gives.
                assert_eq!(bf16_to_f16(word), word & 0x8000 | 0x7e00 | (word & 0x7f) << 3);
            } else {
                assert_eq!(bf16_to_f16(word), cast.to_bits(), "{word:#06x}");
            }
            let value = half::f16::from_bits(word).to_f32_const();
            if value.is_nan() {
                assert!(Dtype::F16.to_f32(word).is_nan());
            } else {
                assert_eq!(Dtype::F16.to_f32(word).to_bits(), value.to_bits(), "{word:#06x}");
            }
            assert_eq!(f16_to_bf16(word), (Dtype::F16.to_f32(word).to_bits() >> 16) as u16);
        }
    }

    #[test]
    fn narrowing_undoes_widening_and_nothing_else() {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            for word in 0..=u16::MAX {
                let bits = dtype.to_f32(word).to_bits();
                // Widening makes FP16 NaNs quiet, so that a signalling one comes back as its quiet twin.
                let back = narrow(bits, dtype).expect("a widened word has a word");
                assert_eq!(dtype.to_f32(back).to_bits(), bits, "{dtype} {word:#06x}");
                assert!(back == word || dtype.to_f32(word).is_nan(), "{dtype} {word:#06x}");
                for other in [bits ^ 1, bits ^ 0x1000, bits.wrapping_add(0x0800_0000)] {
                    let back = narrow(other, dtype);
                    assert!(back.is_none_or(|back| dtype.to_f32(back).to_bits() == other));
                }
            }
        }
    }
}
