//! Portable, and what defines the others.

use super::{Packed, Tops};
use crate::kernel::fast::row::{GROUP, WordSplit, place, plane_bit};

/// Gathers the bits of `bits` under `mask` to the bottom: the PEXT instruction.
fn extract(bits: u64, mut mask: u64) -> u64 {
    let (mut out, mut at) = (0, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        out |= u64::from(bits & lowest != 0) << at;
        at += 1;
        mask ^= lowest;
    }
    out
}

pub(super) fn group(split: WordSplit, tops: &Tops, bias: &[u16; GROUP], words: &[u16; GROUP]) -> Packed {
    pack(split, tops, bias, words, |i| (place(i), plane_bit(place(i))))
}

pub(super) fn pack(
    split: WordSplit,
    tops: &Tops,
    bias: &[u16],
    words: &[u16],
    place_and_bit: impl Fn(usize) -> (usize, usize),
) -> Packed {
    let mut lower = [0; GROUP];
    let mut kept = [0; 3];
    let mut masks = [0; 7];
    let kept_bits = (1 << split.planes()) - 1;
    for (i, (&word, &bias)) in words.iter().zip(bias).enumerate() {
        let (place, bit) = place_and_bit(i);
        let [low, upper] = word.wrapping_sub(bias).to_le_bytes();
        lower[place] = low;
        kept.iter_mut()
            .enumerate()
            .for_each(|(p, plane)| *plane |= u64::from(upper & kept_bits & 1 << p != 0) << bit);
        let rank = tops.iter().position(|&top| top == upper & 0x7f & !kept_bits);
        let code = rank.unwrap_or(0);
        let last = code.saturating_sub(3);
        let flags = [code > 0, code > 1, code > 2, last & 1 == 1, last > 1, rank.is_none(), upper >= 0x80];
        masks.iter_mut().zip(flags).for_each(|(mask, flag)| *mask |= u64::from(flag) << bit);
    }
    Packed::new(lower, kept, masks, extract)
}
