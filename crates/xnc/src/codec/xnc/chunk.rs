//! A chunk: up to 256 blocks, bit by bit, then zero bits to a byte. `spec/xnc.md`, sections 4 and 5.

use super::block::{self, BLOCK_WORDS};
use crate::codec::bits::{BitReader, BitWriter};
use crate::dtype::{Dtype, bf16_to_f16, f16_to_bf16};

/// Blocks in a full chunk. A block's number inside its chunk fits a byte.
pub const CHUNK_BLOCKS: usize = 256;
/// Words in a full chunk: 16 KiB of the source.
pub const CHUNK_WORDS: usize = CHUNK_BLOCKS * BLOCK_WORDS;

/// An encoded chunk.
pub struct Chunk {
    /// The bit stream.
    pub bytes: Vec<u8>,
    /// Sum of the block sizes, without the filling bits.
    pub bits: u64,
    /// Blocks stored as they are, by number inside the chunk, rising.
    pub exceptions: Vec<u8>,
}

/// The FP16 words that code a block of BF16 words, or nothing where one of them would not come back.
fn image(block: &[u16]) -> Option<[u16; BLOCK_WORDS]> {
    let mut images = [0; BLOCK_WORDS];
    for (image, &word) in images.iter_mut().zip(block) {
        *image = bf16_to_f16(word);
    }
    block.iter().zip(images).all(|(&word, image)| f16_to_bf16(image) == word).then_some(images)
}

/// Encodes up to [`CHUNK_WORDS`] words.
///
/// # Panics
/// If there are more.
pub fn encode(dtype: Dtype, words: &[u16]) -> Chunk {
    assert!(words.len() <= CHUNK_WORDS);
    let mut out = BitWriter::default();
    let mut exceptions = Vec::new();
    for (number, block) in words.chunks(BLOCK_WORDS).enumerate() {
        match dtype {
            Dtype::F16 => block::encode(block, &mut out),
            Dtype::Bf16 => match image(block) {
                Some(images) => block::encode(&images[..block.len()], &mut out),
                None => {
                    exceptions.push(number as u8);
                    block.iter().for_each(|&word| out.put(u32::from(word), 16));
                }
            },
        }
    }
    let bits = out.len();
    Chunk { bytes: out.finish(), bits, exceptions }
}

/// Why a chunk's bytes cannot be its blocks.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end inside a block.
    Short,
    /// Bytes or set bits follow the last block.
    Long,
}

/// Reads a chunk of `total` words and writes those from word `first` on, as many as `out` takes.
/// When they reach the end of the chunk, what follows the last block is checked too.
///
/// # Panics
/// If `first + out.len()` passes `total`.
pub fn decode(
    dtype: Dtype,
    bytes: &[u8],
    exceptions: &[u8],
    total: usize,
    first: usize,
    out: &mut [u16],
) -> Result<(), Malformed> {
    let end = first + out.len();
    assert!(end <= total);
    let mut bits = BitReader::new(bytes);
    let mut exceptions = exceptions.iter().map(|&number| usize::from(number)).peekable();
    let mut words = [0; BLOCK_WORDS];
    for number in 0..end.div_ceil(BLOCK_WORDS) {
        let start = number * BLOCK_WORDS;
        let n = BLOCK_WORDS.min(total - start);
        let plain = exceptions.next_if_eq(&number).is_some();
        if start + n <= first {
            let whole = if plain { skip_plain(&mut bits, n) } else { block::skip(&mut bits, n) };
            if !whole {
                return Err(Malformed::Short);
            }
            continue;
        }
        let words = &mut words[..n];
        let whole = if plain { decode_plain(&mut bits, words) } else { block::decode(&mut bits, words) };
        if !whole {
            return Err(Malformed::Short);
        }
        if dtype == Dtype::Bf16 && !plain {
            words.iter_mut().for_each(|word| *word = f16_to_bf16(*word));
        }
        let from = first.max(start);
        let to = end.min(start + n);
        out[from - first..to - first].copy_from_slice(&words[from - start..to - start]);
    }
    let filling = bits.remaining();
    if end == total && (filling >= 8 || bits.take(filling as u32) != 0) {
        return Err(Malformed::Long);
    }
    Ok(())
}

fn skip_plain(bits: &mut BitReader<'_>, n: usize) -> bool {
    let whole = 16 * n <= bits.remaining();
    bits.skip(16 * n);
    whole
}

fn decode_plain(bits: &mut BitReader<'_>, words: &mut [u16]) -> bool {
    let whole = 16 * words.len() <= bits.remaining();
    words.iter_mut().for_each(|word| *word = bits.take(16) as u16);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of every kind: all 65536 patterns, in an order that mixes exceptions and images.
    fn all_words() -> Vec<u16> {
        (0..=u16::MAX).map(|i| i.wrapping_mul(40_503)).collect()
    }

    #[test]
    fn all_words_come_back_and_every_range_reads_alone() {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            for words in all_words().chunks(CHUNK_WORDS - 7) {
                let chunk = encode(dtype, words);
                let mut out = vec![0; words.len()];
                decode(dtype, &chunk.bytes, &chunk.exceptions, words.len(), 0, &mut out)
                    .expect("whole chunk");
                assert_eq!(out, words);
                let n = words.len();
                for (first, len) in [(0, 1), (31, 2), (n - 1, 1), (n / 3, n / 2), (n, 0)] {
                    let mut out = vec![0; len];
                    decode(dtype, &chunk.bytes, &chunk.exceptions, words.len(), first, &mut out)
                        .expect("range");
                    assert_eq!(out, words[first..first + len]);
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_are_told() {
        let words: Vec<u16> = (0..100).map(|i| 0x3c00 + 8 * i).collect();
        let chunk = encode(Dtype::F16, &words);
        let mut out = vec![0; words.len()];
        let short = &chunk.bytes[..chunk.bytes.len() - 1];
        assert_eq!(decode(Dtype::F16, short, &[], 100, 0, &mut out), Err(Malformed::Short));
        let long = [chunk.bytes.as_slice(), &[0]].concat();
        assert_eq!(decode(Dtype::F16, &long, &[], 100, 0, &mut out), Err(Malformed::Long));
    }
}
