//! E2MC: Lal, Lucas, Juurlink, "Entropy Encoding Based Memory Compression for GPUs", IPDPS 2017, on 16-bit symbols.
//! 16-bit symbols, one Huffman code for all memory, its table the commonest 1024 symbols; any other is an
//! escape code and its 16 bits. A line that would grow stays as it is.
//!
//! The 1024 entries are from memory of the paper, whose text was out of reach; since the size decides the
//! ratio, half of it and a table of every word are counted too. Left out: a limit on code lengths, the
//! pointers that let several decoders share a block, the rounding to memory bursts. The paper samples while a
//! program starts; here the code has seen the whole table.

use super::{About, Line, Model, huffman, or_raw};

/// A Huffman code of 16-bit words.
pub struct E2mc {
    name: &'static str,
    /// Bits of every word, escape included.
    bits: Box<[u8]>,
    entries: usize,
}

/// How many symbols a code table holds.
#[derive(Clone, Copy)]
pub struct TableSize {
    name: &'static str,
    entries: usize,
}

/// Symbol and code length, from which canonical codes follow.
const ENTRY_BITS: u64 = 16 + 6;

impl E2mc {
    /// Half the paper's table, the paper's, and one for every word: the most that a Huffman code can do.
    pub const SIZES: [TableSize; 3] = [
        TableSize { name: "E2MC, 512 entries", entries: 512 },
        TableSize { name: "E2MC, 1024 entries", entries: 1024 },
        TableSize { name: "E2MC, every word", entries: 1 << 16 },
    ];

    /// Builds the code from how often each word occurs.
    pub fn train(histogram: &[u64], size: TableSize) -> E2mc {
        let mut symbols: Vec<usize> = (0..histogram.len()).filter(|&word| histogram[word] > 0).collect();
        symbols.sort_by_key(|&word| std::cmp::Reverse(histogram[word]));
        let escaped = symbols.split_off(size.entries.min(symbols.len()));
        // The escape has a code even where nothing needs it: hardware cannot leave it out.
        let escapes = escaped.iter().map(|&word| histogram[word]).sum::<u64>().max(1);
        let counts: Vec<u64> = symbols.iter().map(|&word| histogram[word]).chain([escapes]).collect();
        let lengths = huffman::lengths(&counts);
        let mut bits = vec![(lengths[symbols.len()] + 16) as u8; histogram.len()].into_boxed_slice();
        for (&word, &length) in symbols.iter().zip(&lengths) {
            bits[word] = length as u8;
        }
        E2mc { name: size.name, bits, entries: symbols.len() }
    }
}

impl Model for E2mc {
    fn about(&self) -> About {
        About {
            name: self.name,
            paper: "Lal, Lucas, Juurlink, E2MC: Entropy Encoding Based Memory Compression for GPUs, \
                IPDPS 2017, on 16-bit symbols",
            counted: "1 bit a line, 22 bits an entry of the code table",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        or_raw(line.iter().map(|&word| u32::from(self.bits[usize::from(word)])).sum())
    }

    fn table_bits(&self) -> u64 {
        ENTRY_BITS * self.entries as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::{histogram, tests::line_of};
    use super::*;

    #[test]
    fn a_table_of_two() {
        // 16 a, 8 b, 4 c, 4 d: with a and b in the table, c and d are escapes of weight 8.
        let line: Line = std::array::from_fn(|i| {
            [(16, 0xa), (24, 0xb), (28, 0xc), (32, 0xd)]
                .into_iter()
                .find(|&(end, _)| i < end)
                .map_or(0, |(_, word)| word)
        });
        let model = E2mc::train(&histogram(&line), TableSize { name: "two", entries: 2 });
        assert_eq!([0xa, 0xb, 0xc, 0xd, 0xe].map(|word| model.bits[word]), [1, 2, 18, 18, 18]);
        assert_eq!(model.bits(&line), 1 + 16 + 8 * 2 + 8 * 18);
        assert_eq!(model.table_bits(), 44);
        // With all in it: a 1, b 2, then c, d and the escape, which stands for one.
        let whole = E2mc::train(&histogram(&line), E2mc::SIZES[2]);
        assert_eq!(whole.bits(&line), 1 + 16 + 8 * 2 + 4 * 3 + 4 * 4);
    }

    #[test]
    fn words_never_seen_escape_and_a_line_of_them_is_raw() {
        let model = E2mc::train(&histogram(&[7; 32]), E2mc::SIZES[1]);
        assert_eq!(model.bits(&[7; 32]), 1 + 32);
        assert_eq!(model.bits(&line_of([1; 16])), 1 + 512);
    }
}
