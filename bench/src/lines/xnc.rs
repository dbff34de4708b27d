//! XNC: Lee, Jang, Kim, "XNC: XOR and NOT-Based Lossless Compression ...", ISCAS 2025; `spec/xnc.md`, section 3.
//! XOR with the neighbour, NOT, then 9, 12 or 16 bits a word. The bits are those of the library's encoder,
//! which are the authors' count. There is no raw form: a line takes 545 bits at most. Defined on FP16 words;
//! on BF16 words as they are the count says what its hardware would make of them.

use ::xnc::internals::encode_block;

use super::{About, Line, Model};

/// The paper's scheme.
pub struct Xnc;

impl Model for Xnc {
    fn about(&self) -> About {
        About {
            name: "XNC",
            paper: "Lee, Jang, Kim, XNC: XOR and NOT-Based Lossless Compression, ISCAS 2025",
            counted: "1 bit a word, 1 bit a line",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        encode_block(line).1 as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_by_hand() {
        // Neighbours equal: the first word passes with bits 1 to 5 zero, the others are zero. 1 + 32 x (1 + 9).
        assert_eq!(Xnc.bits(&[0x0018; 32]), 1 + 32 * 10);
        // 0x2c00, which is 0.0625: bits 3 and 5 stand alone, so one word takes 12.
        assert_eq!(Xnc.bits(&[0x2c00; 32]), 1 + 31 * 10 + 13);
        // A first word whose last bit is set fails: 16 for it, 12 for the others.
        assert_eq!(Xnc.bits(&[0x2c01; 32]), 1 + 17 + 31 * 13);
    }

    #[test]
    fn the_largest_line() {
        let line = std::array::from_fn(|i| if i % 2 == 0 { 0x0001 } else { 0x2aae });
        assert_eq!(Xnc.bits(&line), 545);
    }
}
