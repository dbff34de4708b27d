//! Zero-content augmented cache: Dusser, Piquet, Seznec, ICS 2009, on null blocks.
//! A line of zeros is one bit in the tags; any other line is kept as it is beside that bit.

use super::{About, LINE_BITS, Line, Model, or_raw};

/// Lines of zeros.
pub struct Zero;

impl Model for Zero {
    fn about(&self) -> About {
        About {
            name: "zero content",
            paper: "Dusser, Piquet, Seznec, Zero-Content Augmented Caches, ICS 2009, on null blocks",
            counted: "1 bit a line",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        or_raw(if line.iter().all(|&word| word == 0) { 0 } else { LINE_BITS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zeros_count() {
        assert_eq!(Zero.bits(&[0; 32]), 1);
        let mut line = [0; 32];
        line[31] = 0x8000; // minus zero as a float, but not a line of zeros
        assert_eq!(Zero.bits(&line), 513);
    }
}
