//! Portable, and what defines the others.

use super::{Codes, Packed};
use crate::kernel::fast::row::{GROUP, RANKS, WordSplit, place, rank_bit};

pub(super) fn group(split: WordSplit, codes: Codes, bias: &[u8; GROUP], words: &[u16; GROUP]) -> Packed {
    pack(split, codes, bias, words, place)
}

pub(super) fn pack(
    split: WordSplit,
    codes: Codes,
    bias: &[u8],
    words: &[u16],
    place: impl Fn(usize) -> usize,
) -> Packed {
    let mut packed =
        Packed { ranks: [0; RANKS], sign: 0, kept: [0; 3], lower: [0; GROUP], symbols: [0; GROUP], rare: 0 };
    let kept_bits = (1_u8 << split.planes()) - 1;
    for (i, word) in words.iter().enumerate() {
        let p = place(i);
        let [lower, upper] = word.wrapping_add(codes.phase).to_le_bytes();
        let upper = upper.wrapping_sub(bias[p]);
        let symbol = upper & 0x7f & !kept_bits;
        packed.lower[p] = lower;
        packed.symbols[p] = symbol;
        packed.sign |= u64::from(upper >> 7) << p;
        for (j, plane) in packed.kept.iter_mut().enumerate().take(split.planes()) {
            *plane |= u64::from(upper >> j & 1) << p;
        }
        match codes.ranked.iter().position(|&ranked| ranked == symbol) {
            Some(rank) => packed.ranks[p % RANKS] |= (rank as u8) << rank_bit(p),
            None => packed.rare |= 1 << p,
        }
    }
    packed
}
