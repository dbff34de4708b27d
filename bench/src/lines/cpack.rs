//! C-Pack: Chen, Yang, Dick, Shang, Lekatsas, IEEE TVLSI 18(8), 2010, section IV, table I.
//! Each 32-bit word is zero, a byte, equal to one of 16 earlier words in all or its upper bytes, or itself. As
//! the text has it only words that match nothing enter the dictionary; a line has 16 words, so the FIFO never
//! drops one. It starts empty. Some simulators also keep words that match in part: on our tables that changes
//! no ratio in its first five digits.

use super::{About, Line, Model, or_raw, words_32};

/// Words that repeat earlier ones of their line.
pub struct CPack;

/// Code, index where there is one, and unmatched bytes.
const ZERO: u32 = 2;
const NO_MATCH: u32 = 2 + 32;
const MATCH: u32 = 2 + 4;
const UPPER_HALF: u32 = 4 + 4 + 16;
const BYTE: u32 = 4 + 8;
const UPPER_THREE: u32 = 4 + 4 + 8;

fn coded(line: &Line) -> u32 {
    let mut dictionary = [0; 16];
    let mut known = 0;
    let mut bits = 0;
    for word in words_32(line) {
        bits += match word {
            0 => ZERO,
            1..=0xff => BYTE,
            _ => {
                // Upper bytes that match count most: fewer differing low bits, fewer bits to send.
                let differing = dictionary[..known].iter().map(|&earlier: &u32| earlier ^ word).min();
                match differing {
                    Some(0) => MATCH,
                    Some(1..=0xff) => UPPER_THREE,
                    Some(0x100..=0xffff) => UPPER_HALF,
                    _ => {
                        dictionary[known] = word;
                        known += 1;
                        NO_MATCH
                    }
                }
            }
        };
    }
    bits
}

impl Model for CPack {
    fn about(&self) -> About {
        About {
            name: "C-Pack",
            paper: "Chen et al., C-Pack, IEEE TVLSI 18(8), 2010, section IV",
            counted: "2 or 4 bits a 32-bit word, 4 for an index, 1 bit a line",
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
    fn lengths_are_those_of_table_1() {
        assert_eq!([ZERO, NO_MATCH, MATCH, UPPER_HALF, BYTE, UPPER_THREE], [2, 34, 6, 24, 12, 16]);
    }

    #[test]
    fn a_line_by_hand() {
        // New; equal; equal but a byte; equal but two bytes; a byte; new; 10 zeros.
        let line = line_of([0x1234_5678, 0x1234_5678, 0x1234_5601, 0x1234_0000, 0x0000_00cd, 0x8765_4321]);
        assert_eq!(CPack.bits(&line), 1 + 34 + 6 + 16 + 24 + 12 + 34 + 10 * 2);
    }

    #[test]
    fn a_partial_match_does_not_enter_the_dictionary() {
        // The third word equals the second, which only matched in part and was not kept.
        let line = line_of([0x1234_5678, 0x1234_5601, 0x1234_5601]);
        assert_eq!(CPack.bits(&line), 1 + 34 + 16 + 16 + 13 * 2);
    }

    #[test]
    fn a_full_dictionary_and_the_raw_form() {
        let distinct: [u32; 16] = std::array::from_fn(|i| (i as u32 + 1) << 16);
        assert_eq!(CPack.bits(&line_of(distinct)), 1 + 512); // 16 x 34 coded
        let mut repeats = distinct;
        repeats[15] = distinct[14];
        repeats[14] = distinct[0];
        repeats[13] = distinct[0];
        assert_eq!(CPack.bits(&line_of(repeats)), 1 + 14 * 34 + 2 * 6);
    }
}
