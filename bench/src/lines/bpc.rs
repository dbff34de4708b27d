//! Bit-Plane Compression: Kim, Sullivan, Choukse, Erez, ISCA 2016, on the transform and on encoding its planes.
//! The first symbol is coded by its width; the others as differences from the one before. Bit k of all
//! differences is plane k; each plane is XORed with the one above it and coded by its pattern. A block that
//! would grow stays as it is, beside a bit.
//!
//! The paper's block is 128 bytes: 32 symbols of 32 bits, so 33 planes of 31 bits and positions of 5. A
//! 64-byte line has 16 symbols, so planes of 15 bits and positions of 4. Not in the paper but what a table
//! holds are symbols of 16 bits: a line has 17 planes of 31 bits and run lengths of 4. All three are counted.
//! Symbols are read as signed, of which the paper says nothing.

use rayon::prelude::*;

use super::{About, LINE_BITS, Line, Model, fits, integers};

/// Bit planes of differences.
pub struct Bpc {
    name: &'static str,
    /// Bits of a symbol.
    width: u32,
}

impl Bpc {
    /// Symbols of 32 bits.
    pub const WORDS: Bpc = Bpc { name: "BPC", width: 32 };
    /// Symbols of 16 bits.
    pub const HALF_WORDS: Bpc = Bpc { name: "BPC, 16-bit symbols", width: 16 };

    /// One or two lines, coded together or kept as they are.
    fn block_bits(&self, block: &[Line]) -> u32 {
        let mut symbols = [0; 32];
        let values = integers(block.as_flattened(), self.width as usize / 8);
        let count = values.len();
        symbols.iter_mut().zip(values).for_each(|(symbol, value)| *symbol = value);
        1 + coded(&symbols[..count], self.width).min(LINE_BITS * block.len() as u32)
    }
}

/// The paper's blocks.
pub(super) const PAIRS: About = About {
    name: "BPC, 128-byte blocks",
    paper: PAPER,
    counted: "1 to 5 bits a plane, 1 bit a block of two lines",
};

/// Bits of lines taken two by two as the paper's blocks; the last may be alone.
pub(super) fn pairs_bits(lines: &[Line]) -> u64 {
    lines.par_chunks(2).with_min_len(4096).map(|pair| u64::from(Bpc::WORDS.block_bits(pair))).sum()
}

const PAPER: &str =
    "Kim, Sullivan, Choukse, Erez, Bit-Plane Compression, ISCA 2016, on transform and encoding";

/// Bits of a block of up to 32 symbols of `width` bits.
fn coded(symbols: &[i64], width: u32) -> u32 {
    let mut planes = [0_u32; 33];
    for (i, pair) in symbols.windows(2).enumerate() {
        let difference = pair[1] - pair[0];
        for (k, plane) in planes[..=width as usize].iter_mut().enumerate() {
            *plane |= u32::from(difference >> k & 1 == 1) << i;
        }
    }
    first(symbols[0], width) + planes_bits(&planes[..=width as usize], symbols.len() as u32 - 1)
}

/// Zero, 4, 8 or 16 bits sign-extended behind 3 bits, or the symbol behind one.
fn first(symbol: i64, width: u32) -> u32 {
    match symbol {
        0 => 3,
        _ if fits(symbol, 4) => 3 + 4,
        _ if fits(symbol, 8) => 3 + 8,
        _ if width > 16 && fits(symbol, 16) => 3 + 16,
        _ => 1 + width,
    }
}

/// From the top plane down; planes are `len` bits.
fn planes_bits(planes: &[u32], len: u32) -> u32 {
    let position = (len + 1).ilog2();
    let run_length = (planes.len() as u32 - 1).ilog2();
    let (mut bits, mut zeros, mut above) = (0, 0, 0);
    let run = |zeros| match zeros {
        0 => 0,
        1 => 3,
        _ => 2 + run_length,
    };
    for &plane in planes.iter().rev() {
        let changed = plane ^ above;
        above = plane;
        if changed == 0 {
            zeros += 1;
            continue;
        }
        bits += run(zeros);
        zeros = 0;
        bits += match changed.count_ones() {
            _ if plane == 0 => 5,
            ones if ones == len => 5,
            1 => 5 + position,
            2 if changed & changed >> 1 != 0 => 5 + position,
            _ => 1 + len,
        };
    }
    bits + run(zeros)
}

impl Model for Bpc {
    fn about(&self) -> About {
        About { name: self.name, paper: PAPER, counted: "1 to 5 bits a plane, 1 bit a line" }
    }

    fn bits(&self, line: &Line) -> u32 {
        self.block_bits(std::slice::from_ref(line))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line_of;
    use super::*;

    #[test]
    fn the_papers_block() {
        // 128 bytes counting up by one: planes 32 to 1 are zero (a run of 32), plane 0 is all ones.
        let counting: Vec<i64> = (1000..1032).collect();
        assert_eq!(coded(&counting, 32), 3 + 16 + 7 + 5);
        // Zeros: one run of 33 planes.
        assert_eq!(coded(&[0; 32], 32), 3 + 7);
        // One step of 1: plane 0 has a single one.
        let step: Vec<i64> = (0..32).map(|i| i64::from(i >= 9)).collect();
        assert_eq!(coded(&step, 32), 3 + 7 + 10);
    }

    #[test]
    fn two_lines_are_one_block() {
        let [low, high] = [0, 16].map(|start| line_of((start..start + 16).map(|i| 1000 + i)));
        assert_eq!(pairs_bits(&[low, high]), 1 + 3 + 16 + 7 + 5);
        // A third line is a block by itself.
        let alone = u64::from(Bpc::WORDS.bits(&low));
        assert_eq!(pairs_bits(&[low, high, low]), 32 + alone);
    }

    #[test]
    fn each_code_of_a_plane() {
        let planes = |below: &[u32]| {
            let mut planes = [0; 33];
            planes[..below.len()].copy_from_slice(below);
            planes_bits(&planes, 31)
        };
        let all = 0x7fff_ffff;
        assert_eq!(planes(&[]), 7);
        assert_eq!(planes(&[0b0100]), 7 + 10);
        assert_eq!(planes(&[0b0110]), 7 + 10);
        assert_eq!(planes(&[0b0101]), 7 + 32);
        assert_eq!(planes(&[all]), 7 + 5);
        // Back to zero after a changed plane; then, after a plane that did not change, a single zero.
        assert_eq!(planes(&[0, 0b0101]), 7 + 32 + 5);
        assert_eq!(planes(&[0, 0b0101, 0b0101]), 7 + 32 + 3 + 5);
        // The top plane has nothing above it.
        assert_eq!(planes_bits(&[all; 33], 31), 5 + 7);
    }

    #[test]
    fn first_symbol() {
        assert_eq!([0, 7, -8, 127, -32768, 32768].map(|symbol| first(symbol, 32)), [3, 7, 7, 11, 19, 33]);
        assert_eq!([0, -8, 127, 128].map(|symbol| first(symbol, 16)), [3, 7, 11, 17]);
    }

    #[test]
    fn lines_of_64_bytes() {
        // 16 symbols of 32 bits, one step: positions take 4 bits.
        let step: [u32; 16] = std::array::from_fn(|i| u32::from(i >= 9));
        assert_eq!(Bpc::WORDS.bits(&line_of(step)), 1 + 3 + 7 + 9);
        // 32 symbols of 16 bits: a run of 16 planes takes 2 + 4.
        let step = std::array::from_fn(|i| u16::from(i >= 9));
        assert_eq!(Bpc::HALF_WORDS.bits(&step), 1 + 3 + 6 + 10);
        let extremes =
            std::array::from_fn(
                |i| if i % 3 == 0 { 0x7fff } else { (i as u16).wrapping_mul(0x9e37) | 0x8000 },
            );
        assert_eq!(Bpc::HALF_WORDS.bits(&extremes), 513);
        assert_eq!(Bpc::WORDS.bits(&extremes), 513);
    }
}
