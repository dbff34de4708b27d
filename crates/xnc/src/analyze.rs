//! What is in a table: the paper's patterns and count, and the order-0 entropy.

use std::sync::{Mutex, PoisonError};

use crate::codec::for_each_part;
use crate::codec::xnc::block::{self, BLOCK_WORDS, Count};
use crate::dtype::{Dtype, bf16_to_f16};
use crate::error::Result;
use crate::progress::{Progress, Stage};
use crate::table::Table;
use crate::threads;

/// Words by pattern. The first three add up to all words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

/// The paper's count of a table: words by the bits that they take, and what selects between these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedCount {
    /// Words of 9 bits.
    pub words_9: u64,
    /// Words of 12 bits.
    pub words_12: u64,
    /// Words of 16 bits.
    pub words_16: u64,
    /// Flags and selectors.
    pub metadata_bits: u64,
    /// All bits.
    pub bits: u64,
}

/// What [`analyze`] counted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// Words in the table.
    pub words: u64,
    /// Patterns of the FP16 words: the table's own, or those that a BF16 table casts to.
    pub patterns: Patterns,
    /// The paper's count on the same FP16 words.
    pub xnc: PublishedCount,
    /// 16 bits a word against the paper's count; none for a table without words.
    pub xnc_ratio: Option<f64>,
    /// Order-0 joint entropy of the table's own words, in bits a word.
    pub order0_bits_per_weight: f64,
    /// Words by biased exponent, of the table's own words.
    pub exponents: Vec<u64>,
    /// Bytes of the payload, or of the plain words. With the next three, these are all that the table takes,
    /// as [`Table::stored_bytes`] counts it.
    pub payload_bytes: u64,
    /// Bytes of the index, without [`Analysis::model_bytes`].
    pub index_bytes: u64,
    /// Bytes of the index that all rows share: in codec `dense` all that rows are predicted with.
    pub model_bytes: u64,
    /// Bytes of the metadata.
    pub metadata_bytes: u64,
}

/// Words counted at a time: whole blocks, small enough to stay in cache.
const PART: usize = BLOCK_WORDS * 2048;

/// Parts that share a histogram, which is larger than a part.
const GROUP: usize = 32;

/// A model of experts has tens of thousands of tables with no more words than this.
const FEW: usize = 1 << 14;

/// Reads a whole table and counts.
///
/// # Errors
/// [`crate::Error::Corrupt`] when a compressed table is damaged; [`crate::Error::Threads`].
pub fn analyze(table: &Table, threads: usize, progress: &Progress<'_>) -> Result<Analysis> {
    let words = table.rows() * table.dim();
    if words <= FEW {
        let mut steps = progress.stage(Stage::Analyze, 2 * words as u64);
        let analysis = analyze_few(table, words)?;
        steps.add(2 * words as u64);
        return Ok(analysis);
    }
    threads::run_on(threads, || {
        let steps = Mutex::new(progress.stage(Stage::Analyze, 2 * words as u64));
        let all = Mutex::new(Counts::new());
        let lock = || all.lock().unwrap_or_else(PoisonError::into_inner);
        for_each_part(words, GROUP * PART, |group| {
            let mut counts = Counts::new();
            for first in group.clone().step_by(PART) {
                counts.add(table, first, PART.min(group.end - first))?;
            }
            lock().merge(&counts);
            steps.lock().unwrap_or_else(PoisonError::into_inner).add(2 * group.len() as u64);
            Ok(())
        })?;
        let Counts { patterns, xnc, histogram } = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        let counted = histogram.iter().enumerate().filter(|(_, n)| **n > 0);
        let counted: Vec<(u16, u64)> = counted.map(|(word, n)| (word as u16, *n)).collect();
        Ok(Analysis::new(table, patterns, &xnc, &counted))
    })?
}

/// As [`analyze`], of a table whose words are sooner sorted than a histogram is cleared and added up.
fn analyze_few(table: &Table, words: usize) -> Result<Analysis> {
    let mut buffer = vec![0; words];
    table.read(0, &mut buffer)?;
    let mut sorted = buffer.clone();
    sorted.sort_unstable();
    let counted: Vec<(u16, u64)> =
        sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
    let (mut patterns, mut xnc) = (Patterns::default(), Count::default());
    count_f16(table, &mut buffer, &mut patterns, &mut xnc);
    Ok(Analysis::new(table, patterns, &xnc, &counted))
}

impl Analysis {
    /// `counted` holds the words that there are, in rising order, and how often.
    fn new(table: &Table, patterns: Patterns, xnc: &Count, counted: &[(u16, u64)]) -> Analysis {
        let (dtype, words) = (table.dtype(), table.rows() * table.dim());
        let (stored, model_bytes) = table.stored();
        let mut exponents = vec![0; 1 << (15 - dtype.mantissa_bits())];
        for &(word, n) in counted {
            exponents[usize::from(dtype.exponent(word))] += n;
        }
        Analysis {
            words: words as u64,
            patterns,
            xnc: PublishedCount {
                words_9: xnc.words_9,
                words_12: xnc.words_12,
                words_16: xnc.words_16,
                metadata_bits: xnc.metadata_bits,
                bits: xnc.bits(),
            },
            xnc_ratio: (words > 0).then(|| words as f64 * 16.0 / xnc.bits() as f64),
            order0_bits_per_weight: order0(counted, words),
            exponents,
            payload_bytes: stored.payload,
            index_bytes: stored.index - model_bytes,
            model_bytes,
            metadata_bytes: stored.metadata,
        }
    }
}

/// Entropy of words that are counted, in bits a word.
fn order0(counted: &[(u16, u64)], words: usize) -> f64 {
    let total = words as f64;
    let bits = |&(_, n): &(u16, u64)| n as f64 * (total / n as f64).log2();
    if words == 0 { 0.0 } else { counted.iter().map(bits).sum::<f64>() / total }
}

/// Counts what the paper counts, on words that become those of FP16.
fn count_f16(table: &Table, words: &mut [u16], patterns: &mut Patterns, xnc: &mut Count) {
    for word in &mut *words {
        if table.dtype() == Dtype::Bf16 {
            *word = bf16_to_f16(*word);
        }
        patterns.add(*word);
    }
    for block in words.chunks(BLOCK_WORDS) {
        xnc.add(&block::count(table.backend(), block));
    }
}

struct Counts {
    patterns: Patterns,
    xnc: Count,
    histogram: Box<[u64]>,
}

impl Counts {
    fn new() -> Self {
        let histogram = vec![0; 1 << 16].into_boxed_slice();
        Counts { patterns: Patterns::default(), xnc: Count::default(), histogram }
    }

    fn add(&mut self, table: &Table, first: usize, words: usize) -> Result<()> {
        let mut buffer = vec![0; words];
        table.read(first, &mut buffer)?;
        for word in &buffer {
            self.histogram[usize::from(*word)] += 1;
        }
        count_f16(table, &mut buffer, &mut self.patterns, &mut self.xnc);
        Ok(())
    }

    fn merge(&mut self, other: &Counts) {
        self.patterns.all_zero += other.patterns.all_zero;
        self.patterns.narrow += other.patterns.narrow;
        self.patterns.other += other.patterns.other;
        self.patterns.bits_2_14_15_16_zero += other.patterns.bits_2_14_15_16_zero;
        self.xnc.add(&other.xnc);
        self.histogram.iter_mut().zip(&other.histogram).for_each(|(n, more)| *n += more);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::OpenOptions;

    #[test]
    fn few_words_count_as_many_do() {
        let mut random = crate::random::Random(3);
        // More than `FEW`, in which each word of the smaller table stands as often as in the others: shares
        // are the same.
        let few: Vec<u16> = (0..1024).map(|_| random.next() as u16).collect();
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let count = |times: usize| {
                let bytes: Vec<u8> = few.repeat(times).iter().flat_map(|word| word.to_le_bytes()).collect();
                let table = Table::from_bytes(dtype, 16 * times, 64, bytes, &OpenOptions::default());
                analyze(&table.expect("opens"), 0, &Progress::default()).expect("counts")
            };
            let (small, large) = (count(1), count(32));
            assert!(small.words as usize <= FEW && large.words as usize > FEW);
            let scaled: Vec<u64> = small.exponents.iter().map(|n| n * 32).collect();
            assert_eq!(scaled, large.exponents);
            assert_eq!(small.patterns.other * 32, large.patterns.other);
            assert_eq!(small.patterns.narrow * 32, large.patterns.narrow);
            assert_eq!(small.xnc.bits * 32, large.xnc.bits);
            assert!((small.order0_bits_per_weight - large.order0_bits_per_weight).abs() < 1e-9);
        }
        let empty = Table::from_bytes(Dtype::F16, 0, 8, [], &OpenOptions::default()).expect("opens");
        assert_eq!(analyze(&empty, 0, &Progress::default()).expect("counts").order0_bits_per_weight, 0.0);
    }
}
