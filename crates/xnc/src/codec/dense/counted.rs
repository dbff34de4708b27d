//! Tables without structure: each word by how often its upper byte occurs in the table, and its lower byte
//! beside that upper byte.

#[cfg(feature = "threads")]
use super::encode::Table;
#[cfg(feature = "threads")]
use super::exact::log2;
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
    /// By upper byte: how many low bits are plain, and the distribution of the others; none where all are plain.
    lower: Vec<Option<Box<(u8, Symbols)>>>,
}

impl Counts {
    /// Counts a table. The second value is about the number of bits that its words and the counts will take.
    #[cfg(feature = "threads")]
    pub fn fit(table: Table<'_>) -> Result<(Counts, f64)> {
        let n = occurrences(table)?;
        let entropy = |n: &[u64]| {
            let total = n.iter().sum::<u64>() as f64;
            n.iter().filter(|&&n| n > 0).map(|&n| n as f64 * log2(total / n as f64)).sum::<f64>()
        };
        let stored = |n: &[u64]| (8 * 32 + 16 * n.iter().filter(|&&n| n > 0).count()) as f64;
        let mut upper = [0u64; 256];
        let mut lower = Vec::with_capacity(256);
        let mut bits = 0.0;
        for (upper, n) in upper.iter_mut().zip(n.chunks_exact(256)) {
            *upper = n.iter().sum();
            let mut best = (8.0 * *upper as f64, None);
            for plain in 0..8 {
                let mut top = [0u64; 256];
                n.iter().enumerate().for_each(|(low, n)| top[low >> plain] += n);
                let cost = f64::from(plain) * *upper as f64 + entropy(&top) + stored(&top) + 8.0;
                if cost < best.0 {
                    best = (cost, Some((plain as u8, top)));
                }
            }
            bits += best.0;
            lower.push(best.1.map(|(plain, top)| Box::new((plain, Symbols::fit(&top)))));
        }
        bits += entropy(&upper) + stored(&upper) + 256.0;
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
                out.push(lower.0);
                lower.1.write(out);
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
                _ => {
                    let plain = bytes.split_off(..1)?[0];
                    if plain > 7 {
                        return None;
                    }
                    Some(Box::new((plain, Symbols::read(bytes)?)))
                }
            });
        }
        Some(Counts { upper, lower })
    }

    /// Appends the stream of some rows.
    pub fn encode(&self, words: &[u16], pending: &mut Pending, out: &mut Vec<u8>) {
        pending.clear();
        for &word in words {
            let [low, high] = word.to_le_bytes();
            pending.symbol(&self.upper, high);
            let plain = match self.lower[usize::from(high)].as_deref() {
                Some((plain, top)) => {
                    pending.symbol(top, low >> plain);
                    u32::from(*plain)
                }
                None => 8,
            };
            pending.bits(u32::from(low) & ((1 << plain) - 1), plain);
        }
        pending.finish(out);
    }

    /// Decodes a stream; false where it is not one of that many words.
    pub fn decode(&self, stream: &[u8], words: &mut [u16]) -> bool {
        let Some(mut r) = Reader::new(stream) else { return false };
        for word in words {
            let high = r.symbol(&self.upper);
            let (top, plain) = match self.lower[usize::from(high)].as_deref() {
                Some((plain, top)) => (u32::from(r.symbol(top)), u32::from(*plain)),
                None => (0, 8),
            };
            let low = (top << plain | r.bits(plain)) as u8;
            *word = u16::from_le_bytes([low, high]);
        }
        r.done()
    }
}
