//! The words of a group to the parts of a coded row.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

use super::row::{GROUP, RANKS, WordSplit};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// A group, or the words after the last one, taken apart. Bit `p` of a mask is for the word at place `p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Ranks of the symbols, two bits each, as a full group has them; 0 where a symbol has none.
    pub ranks: [u8; RANKS],
    /// Signs.
    pub sign: u64,
    /// Bits of the upper byte that are kept as they are, lowest first.
    pub kept: [u64; 3],
    /// Lower bytes by place.
    pub lower: [u8; GROUP],
    /// Upper bytes by place, without sign and kept bits.
    pub symbols: [u8; GROUP],
    /// Words whose symbol has no rank.
    pub rare: u64,
}

/// Takes a full group apart. `ranked` are upper bytes without sign and kept bits, by rank.
#[inline]
pub fn group(
    backend: Backend,
    split: WordSplit,
    ranked: [u8; 4],
    bias: &[u16; GROUP],
    words: &[u16; GROUP],
) -> Packed {
    match backend.0 {
        Isa::Scalar => scalar::group(split, ranked, bias, words),
        // AVX-512 takes AVX2's loop: encoding waits for its lists.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::group(split, ranked, bias, words) },
    }
}

/// Takes fewer words than a group apart, whose places are their numbers. Ranks are as in a full group, not as a tail has them.
///
/// # Panics
/// If there are more, or lengths differ.
pub fn tail(split: WordSplit, ranked: [u8; 4], bias: &[u16], words: &[u16]) -> Packed {
    assert!(words.len() < GROUP && bias.len() == words.len());
    scalar::pack(split, ranked, bias, words, |i| i)
}
