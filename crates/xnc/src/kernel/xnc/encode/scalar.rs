//! Portable.

use super::{Block, Classes, Fields, MID_MASK, REST_MASK, put};

/// Encodes as the contract says.
pub fn encode(blocks: &[Block], bytes: &mut [u8], mut position: usize) -> usize {
    for block in blocks {
        let t = differences(block);
        let classes = classes(&t);
        position = put(bytes, position, classes, &fields(&t, classes));
    }
    position
}

pub fn classify(block: &Block) -> Classes {
    classes(&differences(block))
}

/// The words after XOR.
fn differences(block: &Block) -> Block {
    let mut t = *block;
    for (t, before) in t[1..].iter_mut().zip(block) {
        *t ^= before;
    }
    t
}

/// Bit i: whether word i has a bit of `bits`.
fn which(t: &Block, bits: u16) -> u32 {
    t.iter().enumerate().fold(0, |mask, (i, t)| mask | u32::from(t & bits != 0) << i)
}

fn classes(t: &Block) -> Classes {
    Classes { failing: which(t, REST_MASK), with_mid: which(t, MID_MASK) }
}

fn fields(t: &Block, classes: Classes) -> Fields {
    // The NOT step: the arithmetic shift spreads the sign over all 16 bits.
    let u = t.map(|t| t ^ (((t as i16) >> 15) as u16 & 0x7800));
    let mut cores = [0; 4];
    for (cores, eight) in cores.iter_mut().zip(u.as_chunks::<8>().0) {
        *cores = u64::from_le_bytes(eight.map(|u| (u >> 3) as u8));
    }
    Fields {
        signs: which(t, 0x8000),
        cores,
        mids: gather::<3>(u.map(|u| (u >> 11 & 7) as u8), classes.mids()),
        rests: gather::<4>(u.map(|u| (u & 7 | u >> 11 & 8) as u8), classes.failing),
    }
}

/// The fields of `WIDTH` bits that `mask` names, one after another.
fn gather<const WIDTH: usize>(fields: [u8; 32], mask: u32) -> u128 {
    let (mut all, mut at) = (0, 0);
    for (eight, fields) in fields.as_chunks::<8>().0.iter().enumerate() {
        let (mut gathered, mut filled) = (0u64, 0);
        for (i, &field) in fields.iter().enumerate() {
            let has = mask >> (8 * eight + i) & 1;
            gathered |= (u64::from(field) * u64::from(has)) << filled;
            filled += WIDTH * has as usize;
        }
        all |= u128::from(gathered) << at;
        at += filled;
    }
    all
}

/// The images of a block's words, and whether all words come back from them.
pub fn image(block: &Block, images: &mut Block) -> bool {
    let mut lost = 0;
    for (image, &word) in images.iter_mut().zip(block) {
        let back;
        (*image, back) = narrow(word);
        lost |= back ^ word;
    }
    lost == 0
}

/// The FP16 image of a BF16 word, and the BF16 word of that image.
fn narrow(word: u16) -> (u16, u16) {
    let (sign, magnitude) = (word & 0x8000, word & 0x7fff);
    let value = f32::from_bits(u32::from(magnitude) << 16);
    if magnitude < 113 << 7 {
        // Below the smallest normal FP16: adding 0.5 rounds to units of 2^-24, as FP16 does.
        let units = (value + 0.5).to_bits() - 0.5f32.to_bits();
        let back = units as f32 * f32::from_bits((127 - 24) << 23);
        (sign | units as u16, sign | (back.to_bits() >> 16) as u16)
    } else if magnitude < 143 << 7 {
        // Seven mantissa bits of ten: nothing to round.
        (sign | (magnitude - (112 << 7)) << 3, word)
    } else if magnitude > 0x7f80 {
        (sign | 0x7e00 | magnitude << 3 & 0x3ff, word | 0x40)
    } else {
        (sign | 0x7c00, sign | 0x7f80)
    }
}
