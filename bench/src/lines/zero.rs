//! Zero-content augmented cache. Dusser, Piquet, Seznec, "Zero-Content Augmented Caches", ICS 2009, section 3.
//! A line of zeros is one bit in the tags; any other line is kept as it is beside that bit.

use super::{LINE_BITS, Line, Model};

/// See the module.
pub struct Zero;

impl Model for Zero {
    fn bits(&self, line: &Line) -> u32 {
        if line.iter().all(|&word| word == 0) { 1 } else { 1 + LINE_BITS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zeros_count() {
        assert_eq!(Zero.bits(&[0; 32]), 1);
        let mut line = [0; 32];
        line[31] = 0x8000; // minus zero is no zero line
        assert_eq!(Zero.bits(&line), 513);
    }
}
