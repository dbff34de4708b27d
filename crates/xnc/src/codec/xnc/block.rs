//! One block of up to 32 FP16 words: the paper's transform, its word classes, and the bits that are kept.
//! `spec/xnc.md`, sections 2 and 3.
//!
//! Full blocks go through [`crate::kernel`]. This is the same for any length, a bit at a time: the short
//! block at a table's end, and what tests hold kernels against.

use crate::codec::bits::{BitReader, BitWriter};
use crate::kernel::{Backend, xnc};

/// Words in a full block: 64 bytes, one cache line.
pub const BLOCK_WORDS: usize = 32;

/// Bits that the NOT step inverts where the sign is set: bits 2 to 5.
const NOT_MASK: u16 = 0x7800;
/// Bit 2 and bits 14 to 16: what a word that passes need not store.
const REST_MASK: u16 = 0x4007;
/// Bits 3 to 5.
const MID_MASK: u16 = 0x3800;

/// A block after XOR and NOT, with its words classified.
struct Transformed {
    words: [u16; BLOCK_WORDS],
    len: usize,
    /// Bit i: word i does not pass.
    failing: u32,
    /// Bit i: word i passes but needs its mid.
    long: u32,
}

/// XORs with 0x7800 where the sign is set. Its own inverse.
fn not_step(word: u16) -> u16 {
    // The arithmetic shift spreads the sign over all 16 bits.
    word ^ (((word as i16) >> 15) as u16 & NOT_MASK)
}

/// What a word that passes and is short holds in bits 2 to 5: copies of its sign.
fn sign_fill(word: u16) -> u16 {
    ((word as i16) >> 15) as u16
}

impl Transformed {
    fn new(block: &[u16]) -> Self {
        assert!(block.len() <= BLOCK_WORDS, "a block holds up to 32 words");
        let mut t = Transformed { words: [0; BLOCK_WORDS], len: block.len(), failing: 0, long: 0 };
        let mut before = 0;
        for (i, &word) in block.iter().enumerate() {
            let u = not_step(word ^ before);
            before = word;
            t.words[i] = u;
            // Differences from a word whose dropped bits are all implied by its sign.
            let differs = u ^ (sign_fill(u) & (MID_MASK | 0x4000));
            let fails = differs & REST_MASK != 0;
            t.failing |= u32::from(fails) << i;
            t.long |= u32::from(!fails && differs & MID_MASK != 0) << i;
        }
        t
    }

    fn flag(&self) -> bool {
        self.failing == 0
    }

    /// The selector of every word and the words that store a mid.
    fn selectors_and_mids(&self) -> (u32, u32) {
        if self.flag() { (self.long, self.long) } else { (self.failing, low_mask(self.len)) }
    }
}

/// The low `n` bits set, `n` up to 32.
fn low_mask(n: usize) -> u32 {
    ((1u64 << n) - 1) as u32
}

/// Word forms of a block, as the paper counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Words stored in 9 bits.
    pub words_9: u64,
    /// Words stored in 12 bits.
    pub words_12: u64,
    /// Words stored in 16 bits.
    pub words_16: u64,
    /// Selectors and flags.
    pub metadata_bits: u64,
}

impl Count {
    /// Size in bits, metadata included.
    pub fn bits(&self) -> u64 {
        self.words_9 * 9 + self.words_12 * 12 + self.words_16 * 16 + self.metadata_bits
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Count) {
        self.words_9 += other.words_9;
        self.words_12 += other.words_12;
        self.words_16 += other.words_16;
        self.metadata_bits += other.metadata_bits;
    }
}

/// Counts a block without writing it.
///
/// # Panics
/// If the block holds more than 32 words.
pub fn count(backend: Backend, block: &[u16]) -> Count {
    let (failing, long) = match block.try_into() {
        Ok(full) => {
            let classes = xnc::encode::classify(backend, full);
            (classes.failing, classes.with_mid & !classes.failing)
        }
        Err(_) => {
            let t = Transformed::new(block);
            (t.failing, t.long)
        }
    };
    let n = block.len() as u64;
    let (failing, long) = (u64::from(failing.count_ones()), u64::from(long.count_ones()));
    let (words_9, words_12) = if failing == 0 { (n - long, long) } else { (0, n - failing) };
    Count { words_9, words_12, words_16: failing, metadata_bits: 1 + n }
}

/// Appends a block of 1 to 32 words.
///
/// # Panics
/// If the block is longer.
pub fn encode(block: &[u16], out: &mut BitWriter) {
    let t = Transformed::new(block);
    let n = t.len as u32;
    let words = &t.words[..t.len];
    let (selectors, with_mid) = t.selectors_and_mids();
    out.put(u32::from(t.flag()), 1);
    out.put(selectors, n);
    out.put(words.iter().enumerate().fold(0, |signs, (i, u)| signs | u32::from(u >> 15) << i), n);
    for four in words.chunks(4) {
        let cores = four.iter().rev().fold(0, |cores, u| cores << 8 | u32::from(u >> 3 & 0xff));
        out.put(cores, 8 * four.len() as u32);
    }
    for i in ones(with_mid) {
        out.put(u32::from(words[i] >> 11 & 7), 3);
    }
    for i in ones(t.failing) {
        out.put(u32::from(words[i] & 7 | (words[i] >> 14 & 1) << 3), 4);
    }
}

/// What the first bits of a block tell about all of it.
struct Head {
    flag: bool,
    selectors: u32,
    with_mid: u32,
    /// Bits after flag and selectors.
    body_bits: usize,
}

impl Head {
    fn read(bits: &mut BitReader<'_>, n: usize) -> Self {
        let flag = bits.take(1) == 1;
        let selectors = bits.take(n as u32);
        let with_mid = if flag { selectors } else { low_mask(n) };
        let rests = if flag { 0 } else { selectors.count_ones() };
        let body_bits = 9 * n + 3 * with_mid.count_ones() as usize + 4 * rests as usize;
        Head { flag, selectors, with_mid, body_bits }
    }
}

/// Moves past a block of `n` words. False when the bytes end inside it.
#[must_use]
pub fn skip(bits: &mut BitReader<'_>, n: usize) -> bool {
    let head = Head::read(bits, n);
    let whole = bits.holds(head.body_bits);
    bits.skip(head.body_bits);
    whole
}

/// Reads a block of `out.len()` words. False when the bytes end inside it.
///
/// # Panics
/// If `out` holds more than 32 words.
#[must_use]
pub fn decode(bits: &mut BitReader<'_>, out: &mut [u16]) -> bool {
    let n = out.len();
    assert!(n <= BLOCK_WORDS, "a block holds up to 32 words");
    let head = Head::read(bits, n);
    if !bits.holds(head.body_bits) {
        return false;
    }
    let signs = bits.take(n as u32);
    for (i, u) in out.iter_mut().enumerate() {
        *u = ((signs >> i & 1) as u16) << 15 | (bits.take(8) as u16) << 3;
    }
    for (i, u) in out.iter_mut().enumerate() {
        let mid =
            if head.with_mid >> i & 1 == 1 { (bits.take(3) as u16) << 11 } else { sign_fill(*u) & MID_MASK };
        *u |= mid;
    }
    let failing = if head.flag { 0 } else { head.selectors };
    let mut before = 0;
    for (i, u) in out.iter_mut().enumerate() {
        let rest = if failing >> i & 1 == 1 {
            let rest = bits.take(4) as u16;
            rest & 7 | (rest >> 3) << 14
        } else {
            sign_fill(*u) & 0x4000
        };
        before ^= not_step(*u | rest);
        *u = before;
    }
    true
}

/// Positions of the set bits, lowest first.
fn ones(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let i = mask.trailing_zeros() as usize;
        (mask != 0).then(|| {
            mask &= mask - 1;
            i
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(block: &[u16]) {
        let mut writer = BitWriter::default();
        encode(block, &mut writer);
        assert_eq!(
            writer.len(),
            count(Backend::best(), block).bits(),
            "count and stream agree for {block:04x?}"
        );
        let bytes = writer.finish();
        let mut out = vec![0; block.len()];
        let mut reader = BitReader::new(&bytes);
        assert!(decode(&mut reader, &mut out));
        assert_eq!(out, block);
        let mut skipper = BitReader::new(&bytes);
        assert!(skip(&mut skipper, block.len()));
        assert_eq!(skipper.position(), reader.position());
    }

    #[test]
    fn every_word_alone_and_after_every_kind_of_neighbour() {
        for word in 0..=u16::MAX {
            round_trip(&[word]);
            for before in [0, 0x8000, 0x7fff, 0xffff, 0x3c00, 0xb1c8] {
                round_trip(&[before, word, !word]);
            }
        }
    }

    #[test]
    fn the_worked_example_of_the_spec() {
        let mut writer = BitWriter::default();
        encode(&[0x3c00, 0xbc00, 0x3c08, 0x3c48], &mut writer);
        assert_eq!(writer.len(), 44);
        assert_eq!(writer.finish(), [0xc3, 0x00, 0x01, 0x02, 0x10, 0x0e]);
    }

    #[test]
    fn a_flag_that_is_missing_is_missed_even_without_words() {
        assert!(!decode(&mut BitReader::new(&[]), &mut []));
        assert!(!skip(&mut BitReader::new(&[]), 0));
    }

    #[test]
    fn sizes_at_the_class_boundaries() {
        assert_eq!(count(Backend::best(), &[0; 32]).bits(), 321);
        assert_eq!(count(Backend::best(), &[0x0001; 1]).bits(), 1 + 1 + 16);
        // Alternating words differ in every bit, so all but the first fail.
        let worst: Vec<u16> = (0..32).map(|i| if i % 2 == 0 { 0x0001 } else { 0x2aae }).collect();
        assert_eq!(count(Backend::best(), &worst).bits(), 545);
    }

    proptest! {
        #[test]
        fn random_blocks(block in prop::collection::vec(any::<u16>(), 1..=32)) {
            round_trip(&block);
        }

        #[test]
        fn bf16_like_blocks(block in prop::collection::vec((0u16..0x1000).prop_map(|w| (w << 3) ^ 0x1000), 1..=32)) {
            round_trip(&block);
        }

        #[test]
        fn any_bytes_decode_to_something(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0usize..=32) {
            let mut out = vec![0; n];
            let mut reader = BitReader::new(&bytes);
            if decode(&mut reader, &mut out) {
                prop_assert!(reader.position() <= bytes.len() * 8);
            }
        }
    }
}
