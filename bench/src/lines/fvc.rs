//! Frequent value compression: Yang, Zhang, Gupta, "Frequent Value Compression in Data Caches", MICRO 2000, on
//! encoding lines. A program's most frequent 32-bit words (8 for lines of 16 words) are profiled once. A line
//! of which at least half are such words keeps only the others; each word has a mask of 4 bits: frequent and
//! which one, or not and where it lies. Other lines stay as they are. The paper's tags hold masks of raw lines
//! too; they are not counted.

use rayon::prelude::*;

use super::{About, LINE_BITS, Line, Model, or_raw, words_32};

/// Words that are frequent in the whole table.
pub struct Fvc {
    frequent: Vec<u32>,
}

const ENTRIES: usize = 8;
const MASK: u32 = 1 + ENTRIES.ilog2();
/// Words that the half of a line holds.
const SLOTS: usize = 8;

impl Fvc {
    /// Profiles the whole table.
    pub fn train(lines: &[Line]) -> Fvc {
        let mut words: Vec<u32> = lines.par_iter().flat_map_iter(words_32).collect();
        words.par_sort_unstable();
        let mut best: Vec<(usize, u32)> = Vec::with_capacity(ENTRIES + 1);
        for run in words.chunk_by(|a, b| a == b) {
            let place = best.partition_point(|&(count, _)| count >= run.len());
            if place < ENTRIES {
                best.insert(place, (run.len(), run[0]));
                best.truncate(ENTRIES);
            }
        }
        Fvc { frequent: best.into_iter().map(|(_, word)| word).collect() }
    }
}

impl Model for Fvc {
    fn about(&self) -> About {
        About {
            name: "FVC",
            paper: "Yang, Zhang, Gupta, Frequent Value Compression in Data Caches, MICRO 2000, on encoding lines",
            counted: "4 bits a 32-bit word in coded lines, 1 bit a line, 8 profiled words",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        let words = words_32(line);
        let kept = words.iter().filter(|&word| !self.frequent.contains(word)).count();
        let coded = MASK * words.len() as u32 + 32 * kept as u32;
        or_raw(if kept <= SLOTS { coded } else { LINE_BITS })
    }

    fn table_bits(&self) -> u64 {
        32 * self.frequent.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line_of;
    use super::*;

    /// Word n stands n times, 1 to 16: 9 to 16 are the frequent ones.
    fn trained() -> Fvc {
        let mut words: Vec<u32> = (1..=16).flat_map(|n| vec![n << 8; n as usize]).collect();
        words.resize(144, 9 << 8);
        Fvc::train(&words.chunks(16).map(|line| line_of(line.iter().copied())).collect::<Vec<_>>())
    }

    #[test]
    fn the_most_frequent_are_found() {
        let mut frequent = trained().frequent;
        frequent.sort_unstable();
        assert_eq!(frequent, (9..=16).map(|n| n << 8).collect::<Vec<u32>>());
        assert_eq!(trained().table_bits(), 256);
    }

    #[test]
    fn half_of_a_line_must_be_frequent() {
        let with = |others: usize| {
            let words: [u32; 16] = std::array::from_fn(|i| if i < others { 0xabcd } else { 0x1000 });
            trained().bits(&line_of(words))
        };
        assert_eq!([0, 1, 8].map(with), [1 + 64, 1 + 64 + 32, 1 + 64 + 8 * 32]);
        assert_eq!([9, 16].map(with), [513; 2]);
    }
}
