//! What is in a table: the paper's patterns and count, and the order-0 entropy.

use rayon::prelude::*;

use crate::codec::xnc::block::{self, BLOCK_WORDS, Count};
use crate::dtype::{Dtype, bf16_to_f16};
use crate::error::Result;
use crate::progress::{Progress, Stage};
use crate::table::Table;
use crate::threads::run_on;

/// Words by pattern. The first three add up to all words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// All 16 bits zero.
    pub all_zero: u64,
    /// The upper byte all zeros or all ones, and not [`Patterns::all_zero`].
    pub narrow: u64,
    /// The rest.
    pub other: u64,
    /// Bits 2, 14, 15 and 16 zero, counted from the most significant as 1.
    pub bits_2_14_15_16_zero: u64,
}

/// What [`analyze`] counted.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Words in the table.
    pub words: u64,
    /// Patterns of the FP16 words: the table's own, or those a BF16 table casts to.
    pub patterns: Patterns,
    /// The paper's count on the same FP16 words.
    pub xnc: Count,
    /// How often each 16-bit pattern stands in the table itself.
    pub histogram: Box<[u64]>,
}

impl Analysis {
    /// 16 bits a word against the paper's count.
    pub fn xnc_ratio(&self) -> Option<f64> {
        (self.words > 0).then(|| self.words as f64 * 16.0 / self.xnc.bits() as f64)
    }

    /// Order-0 joint entropy of the table's own words, in bits a word.
    pub fn order0_bits_per_weight(&self) -> f64 {
        let total = self.words as f64;
        let bits = |&n: &u64| if n == 0 { 0.0 } else { n as f64 * (total / n as f64).log2() };
        if self.words == 0 { 0.0 } else { self.histogram.iter().map(bits).sum::<f64>() / total }
    }

    /// Words by biased exponent.
    pub fn exponents(&self, dtype: Dtype) -> Vec<u64> {
        let mut exponents = vec![0; 1 << (15 - dtype.mantissa_bits())];
        for (word, n) in self.histogram.iter().enumerate() {
            exponents[usize::from(dtype.exponent(word as u16))] += n;
        }
        exponents
    }
}

/// Words counted at a time: whole blocks, small enough to stay in cache.
const PART: usize = BLOCK_WORDS * 2048;

/// Reads a whole table and counts.
///
/// # Errors
/// [`crate::Error::Corrupt`] when a compressed table is damaged.
pub fn analyze(table: &Table, threads: usize, progress: &Progress<'_>) -> Result<Analysis> {
    run_on(threads, || {
        let words = table.rows() * table.dim();
        let parts = words.div_ceil(PART);
        let mut steps = progress.stage(Stage::Analyze, 2 * words as u64);
        let mut all = Partial::new();
        // A group of parts has one histogram, which is larger than a part; groups are merged in turn.
        let group = 64 * rayon::current_num_threads();
        for start in (0..parts).step_by(group) {
            let end = parts.min(start + group);
            let counted = (start..end)
                .into_par_iter()
                .with_min_len(32)
                .try_fold(Partial::new, |partial, part| partial.count(table, part, words))
                .try_reduce(Partial::new, |a, b| Ok(a.merge(&b)))?;
            all = all.merge(&counted);
            steps.add(2 * (words.min(end * PART) - start * PART) as u64);
        }
        Ok(Analysis { words: words as u64, patterns: all.patterns, xnc: all.xnc, histogram: all.histogram })
    })?
}

struct Partial {
    patterns: Patterns,
    xnc: Count,
    histogram: Box<[u64]>,
}

impl Partial {
    fn new() -> Self {
        let histogram = vec![0; 1 << 16].into_boxed_slice();
        Partial { patterns: Patterns::default(), xnc: Count::default(), histogram }
    }

    fn count(mut self, table: &Table, part: usize, words: usize) -> Result<Self> {
        let mut buffer = vec![0; PART.min(words - part * PART)];
        table.read(part * PART, &mut buffer)?;
        for word in &mut buffer {
            self.histogram[usize::from(*word)] += 1;
            if table.dtype() == Dtype::Bf16 {
                *word = bf16_to_f16(*word);
            }
            self.patterns.add(*word);
        }
        for block in buffer.chunks(BLOCK_WORDS) {
            self.xnc.add(&block::count(block));
        }
        Ok(self)
    }

    fn merge(mut self, other: &Partial) -> Self {
        self.patterns.all_zero += other.patterns.all_zero;
        self.patterns.narrow += other.patterns.narrow;
        self.patterns.other += other.patterns.other;
        self.patterns.bits_2_14_15_16_zero += other.patterns.bits_2_14_15_16_zero;
        self.xnc.add(&other.xnc);
        self.histogram.iter_mut().zip(&other.histogram).for_each(|(n, more)| *n += more);
        self
    }
}

impl Patterns {
    fn add(&mut self, word: u16) {
        let upper = word >> 8;
        match word {
            0 => self.all_zero += 1,
            _ if upper == 0 || upper == 0xff => self.narrow += 1,
            _ => self.other += 1,
        }
        self.bits_2_14_15_16_zero += u64::from(word & 0x4007 == 0);
    }
}
