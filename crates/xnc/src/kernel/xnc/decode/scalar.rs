//! Portable.

use super::{Block, CORES, MIDS, RESTS, SIGNS, WINDOW, bits, head, window};

/// Decodes while a whole window is left; returns the number of blocks and the position behind them.
pub fn decode<const BF16: bool>(bytes: &[u8], mut position: usize, blocks: &mut [Block]) -> (usize, usize) {
    for (done, block) in blocks.iter_mut().enumerate() {
        let Some((window, shift)) = window(bytes, position) else { return (done, position) };
        let head = head(window, shift);
        let (with_mid, failing) = if head.flag { (head.selectors, 0) } else { (u32::MAX, head.selectors) };
        differences(window, shift, with_mid, failing, block);
        let mut before = 0;
        for word in block.iter_mut() {
            before ^= *word;
            *word = before;
        }
        if BF16 {
            block.iter_mut().for_each(|word| *word = widen(*word));
        }
        position += head.bits;
    }
    (blocks.len(), position)
}

/// Moves while a whole window is left; returns as [`decode`].
#[inline(always)]
pub fn skip(bytes: &[u8], mut position: usize, blocks: usize) -> (usize, usize) {
    for done in 0..blocks {
        let Some((window, shift)) = window(bytes, position) else { return (done, position) };
        position += head(window, shift).bits;
    }
    (blocks, position)
}

/// The words after XOR.
fn differences(window: &[u8; WINDOW], shift: usize, with_mid: u32, failing: u32, block: &mut Block) {
    let signs = bits(window, shift + SIGNS) as u32;
    let cores: &[u8; 33] = window[(shift + CORES) / 8..].first_chunk().expect("cores lie inside the window");
    let odd = (shift + CORES) % 8;
    for (i, word) in block.iter_mut().enumerate() {
        let core = u16::from_le_bytes([cores[i], cores[i + 1]]) >> odd & 0xff;
        *word = core << 3 | ((signs >> i) as u16) << 15;
    }
    let (mut mids_at, mut rests_at) = (shift + MIDS, shift + RESTS);
    // Eight words at a time: their mids and their rests each fit one load.
    for (eight, words) in block.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let (mut mids, mut rests) = (bits(window, mids_at), bits(window, rests_at));
        for (i, word) in words.iter_mut().enumerate() {
            let sign = *word >> 15;
            let has_mid = with_mid >> (8 * eight + i) & 1;
            let has_rest = failing >> (8 * eight + i) & 1;
            let mid = (mids as u16 & 7) ^ (sign * 7);
            let rest = rests as u16 & 0xf ^ sign << 3;
            let rest = (rest & 7) | ((rest >> 3) << 14);
            *word |= ((mid * has_mid as u16) << 11) | (rest * has_rest as u16);
            mids >>= 3 * has_mid;
            rests >>= 4 * has_rest;
            mids_at += 3 * has_mid as usize;
            rests_at += 4 * has_rest as usize;
        }
    }
}

/// The BF16 word of an FP16 image; a NaN becomes quiet.
fn widen(word: u16) -> u16 {
    let magnitude = word & 0x7fff;
    // The exponents' biases differ by 112. The product is exact, for subnormals too.
    let scaled = f32::from_bits(u32::from(magnitude) << 13) * f32::from_bits((127 + 112) << 23);
    let infinite = if magnitude >= 0x7c00 { 0x7f80 } else { 0 };
    let quiet = if magnitude > 0x7c00 { 0x40 } else { 0 };
    word & 0x8000 | (scaled.to_bits() >> 16) as u16 | infinite | quiet
}
