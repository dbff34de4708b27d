//! Blocks to try the hardware with.

use anyhow::Result;
use fastrand::Rng;
use xnc::internals::{decode_block, encode_block};
use xnc::{Dtype, Model};

use crate::{dither, root};

/// Words in a block, which is 64 bytes of a table.
pub const WORDS: usize = 32;
pub type Block = [u16; WORDS];

/// Bytes of a packed block in a record of the test bench; its length in bits follows.
const PACKED_BYTES: usize = 70;
/// Bits of the longest block.
const MAX_BITS: usize = 545;

/// A packed block as the test bench reads and writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed {
    pub bytes: [u8; PACKED_BYTES],
    pub bits: u16,
}

impl Packed {
    pub const RECORD: usize = PACKED_BYTES + 2;

    /// What the library makes of a block.
    pub fn encode(words: &Block) -> Self {
        let (stream, bits) = encode_block(words);
        let mut bytes = [0; PACKED_BYTES];
        bytes[..stream.len()].copy_from_slice(&stream);
        Packed { bytes, bits: bits as u16 }
    }

    /// What the library makes of any 545 bits.
    pub fn decode(&self) -> Block {
        let mut words = [0; WORDS];
        let whole = decode_block(&self.bytes, &mut words);
        assert!(whole, "no block is longer than a record");
        words
    }

    pub fn record(&self) -> impl Iterator<Item = u8> {
        self.bytes.into_iter().chain(self.bits.to_le_bytes())
    }

    pub fn from_record(record: &[u8]) -> Self {
        let (bytes, bits) = record.split_at(PACKED_BYTES);
        Packed {
            bytes: bytes.try_into().expect("a record begins with 70 bytes"),
            bits: u16::from_le_bytes([bits[0], bits[1]]),
        }
    }

    /// Fills what lies above the length: a decompressor has to ignore it.
    pub fn fill_unused(&mut self, random: &mut Rng) {
        for bit in usize::from(self.bits)..MAX_BITS {
            self.bytes[bit / 8] |= random.u8(..2) << (bit % 8);
        }
    }

    /// Any bits at all.
    pub fn random(random: &mut Rng) -> Self {
        let mut packed = Packed { bytes: [0; PACKED_BYTES], bits: 0 };
        packed.fill_unused(random);
        packed
    }
}

/// The block whose words are `folded` after XOR and NOT.
fn unfold(folded: &Block) -> Block {
    let mut before = 0;
    folded.map(|u| {
        before ^= u ^ if u & 0x8000 != 0 { 0x7800 } else { 0 };
        before
    })
}

/// Short, long or failing, the rest random.
fn folded_word(random: &mut Rng, class: u8) -> u16 {
    let sign = if random.bool() { 0xF800u16 } else { 0 };
    let core = random.u16(..256) << 3;
    let mid = if class == 0 { 0 } else { random.u16(1..8) << 11 };
    let rest = if class < 2 { 0 } else { random.u16(1..16) };
    // A mid or rest that differs from the sign's copies: any mask that is not zero, on top of them.
    (sign ^ mid ^ (rest & 8) << 11) | core | rest & 7
}

/// Every class boundary: each of the 256 values of the deciding bits of one word, at each place, among words
/// of each class.
pub fn boundaries() -> Vec<Block> {
    let mut random = Rng::with_seed(1);
    let mut blocks = Vec::new();
    for others in 0..3 {
        for place in 0..WORDS {
            for bits in 0..256u16 {
                let mut folded = [0; WORDS].map(|_: u16| folded_word(&mut random, others));
                folded[place] = (bits >> 3) << 11 | folded[place] & 0x07F8 | bits & 7;
                blocks.push(unfold(&folded));
            }
        }
    }
    // Every number of selected words, at the front, at the end, and anywhere, under both flags.
    for class in 1..3 {
        for count in 0..=WORDS {
            for shape in 0..24 {
                let mut folded = [0; WORDS].map(|_: u16| folded_word(&mut random, class - 1));
                let mut left = count;
                for (place, word) in folded.iter_mut().enumerate() {
                    let chosen = match shape {
                        0 => place < count,
                        1 => place >= WORDS - count,
                        _ => random.usize(..WORDS - place) < left,
                    };
                    if chosen {
                        *word = folded_word(&mut random, class);
                        left = left.saturating_sub(1);
                    }
                }
                blocks.push(unfold(&folded));
            }
        }
    }
    for word in [0, 0x0001, 0x3C00, 0x7FFF, 0x8000, 0xBC00, 0xFFFF] {
        blocks.push([word; WORDS]);
        blocks.push(std::array::from_fn(|i| if i % 2 == 0 { word } else { !word }));
    }
    blocks
}

/// Random words, or a random mixture of the classes.
pub fn random(random: &mut Rng) -> Block {
    if random.u8(..4) == 0 {
        return std::array::from_fn(|_| random.u16(..));
    }
    // In two of three mixtures every word passes.
    let failing = if random.u8(..3) == 0 { random.u16(..1000) } else { 0 };
    let long = random.u16(..=1000);
    unfold(&std::array::from_fn(|_| {
        let class = if random.u16(..1000) < failing { 2 } else { u8::from(random.u16(..1000) < long) };
        folded_word(random, class)
    }))
}

/// Every `step`-th block of the tables in a file below the root, plain or compressed, BF16 cast to FP16. None
/// when it is not there.
pub fn tables(path: &str, step: usize) -> Result<Option<Vec<Block>>> {
    let path = root().join(path);
    if !path.exists() {
        return Ok(None);
    }
    let file = Model::open(&path)?;
    let mut blocks = Vec::new();
    for name in file.tables() {
        let table = file.table(name)?;
        let mut words = vec![0; table.rows() * table.dim()];
        table.read(0, &mut words)?;
        if table.dtype() == Dtype::Bf16 {
            words = dither::to_f16(&words);
        }
        blocks.extend(words.as_chunks().0.iter().step_by(step));
    }
    Ok(Some(blocks))
}

/// A block from the 64 bytes of its record.
pub fn from_record(record: &[u8]) -> Block {
    std::array::from_fn(|i| u16::from_le_bytes([record[2 * i], record[2 * i + 1]]))
}
