//! A chunk: up to 256 blocks, bit by bit, then zero bits to a byte. `spec/xnc.md`, sections 4 and 5.

use std::slice;

use super::block::{self, BLOCK_WORDS};
use crate::codec::bits::{BitReader, BitWriter};
use crate::dtype::{Dtype, bf16_to_f16, f16_to_bf16};
use crate::kernel::xnc::decode::{Block, Output};
use crate::kernel::{Backend, xnc};

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

/// Encodes up to [`CHUNK_WORDS`] words.
///
/// # Panics
/// If there are more.
pub fn encode(backend: Backend, dtype: Dtype, words: &[u16]) -> Chunk {
    assert!(words.len() <= CHUNK_WORDS);
    let mut out = BitWriter::default();
    let mut exceptions = Vec::new();
    let (blocks, short) = words.as_chunks();
    match dtype {
        Dtype::F16 => append(backend, blocks, &mut out),
        Dtype::Bf16 => {
            let (mut images, mut survives) = ([[0; BLOCK_WORDS]; CHUNK_BLOCKS], [false; CHUNK_BLOCKS]);
            let (images, survives) = (&mut images[..blocks.len()], &mut survives[..blocks.len()]);
            xnc::encode::images(backend, blocks, images, survives);
            let mut number = 0;
            for run in survives.chunk_by(|_, &next| next) {
                // Exceptions end runs, so only the first of a run can be one.
                let plain = usize::from(!run[0]);
                if plain == 1 {
                    exceptions.push(number as u8);
                    append_plain(&blocks[number], &mut out);
                }
                append(backend, &images[number + plain..number + run.len()], &mut out);
                number += run.len();
            }
        }
    }
    if !short.is_empty() {
        let images = short.iter().map(|&word| bf16_to_f16(word));
        if dtype == Dtype::F16 {
            block::encode(short, &mut out);
        } else if images.clone().zip(short).all(|(image, &word)| f16_to_bf16(image) == word) {
            block::encode(&images.collect::<Vec<_>>(), &mut out);
        } else {
            exceptions.push(blocks.len() as u8);
            append_plain(short, &mut out);
        }
    }
    let bits = out.len();
    Chunk { bytes: out.finish(), bits, exceptions }
}

fn append(backend: Backend, blocks: &[Block], out: &mut BitWriter) {
    if !blocks.is_empty() {
        out.append_with(xnc::encode::room(blocks.len()), |bytes, position| {
            xnc::encode::encode(backend, blocks, bytes, position)
        });
    }
}

fn append_plain(block: &[u16], out: &mut BitWriter) {
    block.iter().for_each(|&word| out.put(u32::from(word), 16));
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
    backend: Backend,
    dtype: Dtype,
    bytes: &[u8],
    exceptions: &[u8],
    total: usize,
    first: usize,
    out: &mut [u16],
) -> Result<(), Malformed> {
    let end = first + out.len();
    assert!(end <= total);
    let mut walk = Walk { backend, dtype, bits: BitReader::new(bytes), exceptions, number: 0, total };
    // A short last block counts as one to skip only when nothing of it is wanted.
    walk.skip(if first == total { total.div_ceil(BLOCK_WORDS) } else { first / BLOCK_WORDS })?;
    let into = if out.is_empty() { 0 } else { first % BLOCK_WORDS };
    let head = if into == 0 { 0 } else { out.len().min(BLOCK_WORDS - into) };
    let (head, rest) = out.split_at_mut(head);
    if !head.is_empty() {
        head.copy_from_slice(&walk.block()?[into..][..head.len()]);
    }
    let (blocks, tail) = rest.as_chunks_mut();
    walk.blocks(blocks)?;
    if !tail.is_empty() {
        tail.copy_from_slice(&walk.block()?[..tail.len()]);
    }
    let filling = walk.bits.remaining();
    if end == total && (filling >= 8 || walk.bits.take(filling as u32) != 0) {
        return Err(Malformed::Long);
    }
    Ok(())
}

/// A way through a chunk, block after block.
struct Walk<'a> {
    backend: Backend,
    dtype: Dtype,
    bits: BitReader<'a>,
    /// Those still ahead.
    exceptions: &'a [u8],
    /// The next block.
    number: usize,
    /// Words in the chunk.
    total: usize,
}

/// Blocks that follow each other and are of one kind.
enum Run {
    Coded(usize),
    Exception,
}

impl Walk<'_> {
    /// The kind of the next block, and how many of the next `most` share it.
    fn run(&mut self, most: usize) -> Run {
        while let Some((&next, later)) = self.exceptions.split_first() {
            match usize::from(next).checked_sub(self.number) {
                Some(0) => return Run::Exception,
                Some(before) => return Run::Coded(before.min(most)),
                None => self.exceptions = later,
            }
        }
        Run::Coded(most)
    }

    /// Words in the next block.
    fn len(&self) -> usize {
        BLOCK_WORDS.min(self.total - self.number * BLOCK_WORDS)
    }

    /// Moves forward until the next block is `to`.
    fn skip(&mut self, to: usize) -> Result<(), Malformed> {
        while self.number < to {
            let full = to.min(self.total / BLOCK_WORDS) - self.number;
            self.number += match self.run(full.max(1)) {
                Run::Exception => {
                    let n = self.len();
                    self.whole_exception(n)?;
                    self.bits.skip(16 * n);
                    1
                }
                Run::Coded(_) if full == 0 => {
                    let n = self.len();
                    block::skip(&mut self.bits, n).then_some(1).ok_or(Malformed::Short)?
                }
                Run::Coded(blocks) => {
                    let end =
                        xnc::decode::skip(self.backend, self.bits.bytes(), self.bits.position(), blocks);
                    self.bits.skip(end.ok_or(Malformed::Short)? - self.bits.position());
                    blocks
                }
            };
        }
        Ok(())
    }

    /// Reads full blocks.
    fn blocks(&mut self, mut out: &mut [Block]) -> Result<(), Malformed> {
        let output = match self.dtype {
            Dtype::F16 => Output::Fp16,
            Dtype::Bf16 => Output::Bf16,
        };
        while !out.is_empty() {
            let (now, later) = match self.run(out.len()) {
                Run::Exception => {
                    let (now, later) = out.split_at_mut(1);
                    self.exception(&mut now[0])?;
                    (now, later)
                }
                Run::Coded(blocks) => {
                    let (now, later) = out.split_at_mut(blocks);
                    let (bytes, position) = (self.bits.bytes(), self.bits.position());
                    let end = xnc::decode::decode(self.backend, output, bytes, position, now);
                    self.bits.skip(end.ok_or(Malformed::Short)? - position);
                    (now, later)
                }
            };
            self.number += now.len();
            out = later;
        }
        Ok(())
    }

    /// Reads one block, which may be the short one; words behind its end are zero.
    fn block(&mut self) -> Result<Block, Malformed> {
        let mut words = [0; BLOCK_WORDS];
        let n = self.len();
        if n == BLOCK_WORDS {
            self.blocks(slice::from_mut(&mut words))?;
            return Ok(words);
        }
        match self.run(1) {
            Run::Exception => self.exception(&mut words[..n])?,
            Run::Coded(_) => {
                if !block::decode(&mut self.bits, &mut words[..n]) {
                    return Err(Malformed::Short);
                }
                if self.dtype == Dtype::Bf16 {
                    words[..n].iter_mut().for_each(|word| *word = f16_to_bf16(*word));
                }
            }
        }
        self.number += 1;
        Ok(words)
    }

    fn exception(&mut self, words: &mut [u16]) -> Result<(), Malformed> {
        self.whole_exception(words.len())?;
        words.iter_mut().for_each(|word| *word = self.bits.take(16) as u16);
        Ok(())
    }

    fn whole_exception(&self, n: usize) -> Result<(), Malformed> {
        if self.bits.holds(16 * n) { Ok(()) } else { Err(Malformed::Short) }
    }
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
                let chunk = encode(Backend::best(), dtype, words);
                let mut out = vec![0; words.len()];
                decode(Backend::best(), dtype, &chunk.bytes, &chunk.exceptions, words.len(), 0, &mut out)
                    .expect("whole chunk");
                assert_eq!(out, words);
                let n = words.len();
                for (first, len) in [(0, 1), (31, 2), (n - 1, 1), (n / 3, n / 2), (n, 0)] {
                    let mut out = vec![0; len];
                    decode(
                        Backend::best(),
                        dtype,
                        &chunk.bytes,
                        &chunk.exceptions,
                        words.len(),
                        first,
                        &mut out,
                    )
                    .expect("range");
                    assert_eq!(out, words[first..first + len]);
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_are_told() {
        let words: Vec<u16> = (0..100).map(|i| 0x3c00 + 8 * i).collect();
        let chunk = encode(Backend::best(), Dtype::F16, &words);
        let mut out = vec![0; words.len()];
        let short = &chunk.bytes[..chunk.bytes.len() - 1];
        assert_eq!(decode(Backend::best(), Dtype::F16, short, &[], 100, 0, &mut out), Err(Malformed::Short));
        let long = [chunk.bytes.as_slice(), &[0]].concat();
        assert_eq!(decode(Backend::best(), Dtype::F16, &long, &[], 100, 0, &mut out), Err(Malformed::Long));
    }
}
