//! Tables without structure: each word by how often its upper byte occurs in the table, and its lower byte
//! beside that upper byte.

#[cfg(feature = "threads")]
use super::encode::Table;
use super::numbers::Numbers;
use super::stream::{Pending, Reader};
use super::symbols::Symbols;
#[cfg(feature = "threads")]
use crate::codec::ordered::for_each_in_order;
#[cfg(feature = "threads")]
use crate::error::Result;

/// Words that a stream should hold, so that its ends do not weigh.
const STREAM_WORDS: usize = 2048;
/// Most rows that share a stream.
const STREAM_ROWS: usize = 8;
/// Plain bits at most of a lower byte that has a distribution.
const PLAIN: u32 = 7;

/// Words that are counted together.
#[cfg(feature = "threads")]
const PART: usize = 1 << 20;

/// Rows that share a stream: a power of two.
pub fn stream_rows(dim: usize) -> usize {
    let mut rows = 1;
    while rows < STREAM_ROWS && rows * dim < STREAM_WORDS {
        rows *= 2;
    }
    rows
}

/// How often each word occurs.
#[cfg(feature = "threads")]
fn occurrences(table: Table<'_>) -> Result<Vec<u64>> {
    let total = table.shape.words();
    let part = |at: usize| {
        let mut words = vec![0; PART.min(total - at * PART)];
        table.words.read(at * PART, &mut words)?;
        let mut n = vec![0u32; 1 << 16];
        words.iter().for_each(|&word| n[usize::from(word)] += 1);
        Ok(n)
    };
    let mut all = vec![0u64; 1 << 16];
    for_each_in_order(0..total.div_ceil(PART), part, |n: Result<Vec<u32>>| {
        all.iter_mut().zip(n?).for_each(|(all, n)| *all += u64::from(n));
        Ok(())
    })?;
    Ok(all)
}

/// Distributions of the bytes of words.
pub struct Counts {
    upper: Symbols,
    /// By upper byte, how the lower one is coded; none where all its bits are plain.
    lower: Vec<Option<Box<Numbers>>>,
}

impl Counts {
    /// Counts a table. The second value is about the number of bits that its words and the counts will take.
    #[cfg(feature = "threads")]
    pub fn fit(table: Table<'_>) -> Result<(Counts, f64)> {
        let n = occurrences(table)?;
        let mut upper = [0u64; 256];
        let mut lower = Vec::with_capacity(256);
        let mut bits = 0.0;
        for (upper, n) in upper.iter_mut().zip(n.chunks_exact(256)) {
            *upper = n.iter().sum();
            let (numbers, cost) = Numbers::fit(8, |plain| {
                let mut tops = [0; 256];
                n.iter().enumerate().for_each(|(low, n)| tops[low >> plain] += n);
                tops
            });
            let plain = 8.0 * *upper as f64;
            bits += cost.min(plain);
            lower.push((cost < plain).then(|| Box::new(numbers)));
        }
        bits += Symbols::cost(&upper) + 256.0;
        Ok((Counts { upper: Symbols::fit(&upper), lower }, bits))
    }

    /// Appends the distributions.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.upper.write(out);
        let at = out.len();
        out.resize(at + 32, 0);
        for (k, lower) in self.lower.iter().enumerate() {
            if let Some(lower) = lower {
                out[at + k / 8] |= 1 << (k % 8);
                lower.write(out);
            }
        }
    }

    /// `None` where the bytes are not what [`Counts::write`] leaves.
    pub fn read(bytes: &mut &[u8]) -> Option<Counts> {
        let upper = Symbols::read(bytes)?;
        let map = bytes.split_off(..32)?;
        let mut lower = Vec::with_capacity(256);
        for k in 0..256 {
            lower.push(match map[k / 8] >> (k % 8) & 1 {
                0 => None,
                _ => Some(Box::new(Numbers::read(PLAIN, bytes)?)),
            });
        }
        Some(Counts { upper, lower })
    }

    /// Appends the stream of some rows, but for its first coder word, which is returned.
    pub fn encode(&self, words: &[u16], pending: &mut Pending, out: &mut Vec<u8>) -> u16 {
        pending.clear();
        for &word in words {
            let [low, high] = word.to_le_bytes();
            pending.symbol(&self.upper, high);
            match self.lower[usize::from(high)].as_deref() {
                Some(numbers) => numbers.put(u32::from(low), pending),
                None => pending.bits(u32::from(low), 8),
            }
        }
        pending.finish(out)
    }

    /// Decodes a stream; false where it is not one of that many words.
    pub fn decode(&self, mut r: Reader<'_>, words: &mut [u16]) -> bool {
        for word in words {
            let high = r.symbol(&self.upper);
            let low = match self.lower[usize::from(high)].as_deref() {
                Some(numbers) => numbers.take(&mut r),
                None => r.bits(8),
            };
            *word = u16::from_le_bytes([low as u8, high]);
        }
        r.done()
    }
}
