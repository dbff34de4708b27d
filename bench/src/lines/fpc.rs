//! Frequent Pattern Compression: Alameldeen, Wood, University of Wisconsin TR-1500, 2004, section 2.1, table 1.
//! Each 32-bit word is a prefix of 3 bits and what its pattern leaves; up to 8 zero words in a row are one prefix and a
//! length. Section 3 keeps a line that would grow as it is. The tag's size field serves segments of 8 bytes and is not
//! counted.

use super::{About, Line, Model, fits, or_raw, words_32};

/// Narrow, padded and repeated 32-bit words.
pub struct Fpc;

const PREFIX: u32 = 3;
/// A zero run's length takes 3 bits.
const LONGEST_RUN: u32 = 8;

/// Bits after the prefix of a word that is not zero.
fn data_bits(word: u32) -> u32 {
    let value = i64::from(word as i32);
    let (low, high) = (i64::from(word as i16), i64::from((word >> 16) as i16));
    match word {
        _ if fits(value, 4) => 4,
        _ if fits(value, 8) => 8,
        _ if fits(value, 16) => 16,
        // A halfword above a zero halfword.
        _ if low == 0 => 16,
        // Two halfwords, each a byte with its sign extended.
        _ if fits(low, 8) && fits(high, 8) => 16,
        _ if word == word.rotate_left(8) => 8,
        _ => 32,
    }
}

fn coded(line: &Line) -> u32 {
    let (mut bits, mut run) = (0, 0);
    for word in words_32(line) {
        if word != 0 {
            bits += PREFIX + data_bits(word);
            run = 0;
        } else {
            bits += if run == 0 { PREFIX + 3 } else { 0 };
            run = (run + 1) % LONGEST_RUN;
        }
    }
    bits
}

impl Model for Fpc {
    fn about(&self) -> About {
        About {
            name: "FPC",
            paper: "Alameldeen, Wood, Frequent Pattern Compression, UW-Madison TR-1500, 2004, section 2.1",
            counted: "3 bits a 32-bit word or zero run, 1 bit a line",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        or_raw(coded(line))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line_of;
    use super::*;

    #[test]
    fn each_row_of_the_table() {
        assert_eq!([7, -8].map(|w: i32| data_bits(w as u32)), [4, 4]);
        assert_eq!([8, -9, 127, -128].map(|w: i32| data_bits(w as u32)), [8; 4]);
        assert_eq!([128, -129, 32767, -32768].map(|w: i32| data_bits(w as u32)), [16; 4]);
        assert_eq!([0x1234_0000, 0x8000_0000].map(data_bits), [16; 2]);
        assert_eq!([0x0012_ff80, 0xffff_0001, 0x007f_007f].map(data_bits), [16; 3]);
        assert_eq!([0xabab_abab, 0x5555_5555].map(data_bits), [8; 2]);
        assert_eq!([0x0000_8000, 0x1234_5678, 0x0080_007f, 0xabab_abac].map(data_bits), [32; 4]);
    }

    #[test]
    fn a_line_by_hand() {
        // One of each pattern, 3 + (4 + 8 + 16 + 16 + 16 + 8 + 32), then 9 zeros: a run of 8 and a run of 1.
        let line = line_of([5, 100, 0xffff_8000, 0x4321_0000, 0x0011_fff0, 0x7777_7777, 0x1234_5678]);
        assert_eq!(Fpc.bits(&line), 1 + 7 * 3 + 100 + 2 * 6);
        // A word between two runs ends the first.
        assert_eq!(Fpc.bits(&line_of([0, 0, 5])), 1 + 6 + 7 + 2 * 6);
    }

    #[test]
    fn a_line_that_would_grow_is_raw() {
        assert_eq!(Fpc.bits(&[0x1234; 32]), 1 + 512); // 16 x 35 coded
        assert_eq!(Fpc.bits(&[0; 32]), 1 + 2 * 6);
    }
}
