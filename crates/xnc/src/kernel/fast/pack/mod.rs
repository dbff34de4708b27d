//! The words of a group to the parts of a coded row.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
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

impl Packed {
    /// The planes of a group as a row has them: signs, and kept bits, of which some tables have none.
    pub const fn planes(&self) -> [u64; 4] {
        [self.sign, self.kept[0], self.kept[1], self.kept[2]]
    }
}

/// What gives the words of a table their codes: [`super::row::Symbols`] turned round.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    /// Symbols by rank, all different: upper bytes without sign and kept bits.
    pub ranked: [u8; 4],
    /// Added to every word first, modulo 2^16.
    pub phase: u16,
}

/// Takes a full group apart. Biases are by place.
#[inline]
pub fn group(
    backend: Backend,
    split: WordSplit,
    codes: Codes,
    bias: &[u8; GROUP],
    words: &[u16; GROUP],
) -> Packed {
    match backend.0 {
        Isa::Scalar => scalar::group(split, codes, bias, words),
        // AVX-512 takes AVX2's loop: encoding waits for its lists.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::group(split, codes, bias, words) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => unsafe { neon::group(split, codes, bias, words) },
    }
}

/// Takes fewer words than a group apart, whose places are their numbers. Ranks are as in a full group, not as a
/// tail has them.
///
/// # Panics
/// If there are more, or lengths differ.
pub fn tail(backend: Backend, split: WordSplit, codes: Codes, bias: &[u8], words: &[u16]) -> Packed {
    assert!(words.len() < GROUP && bias.len() == words.len());
    if matches!(backend.0, Isa::Scalar) {
        return scalar::pack(split, codes, bias, words, |i| i);
    }
    // A group whose words stand where their places in it are their numbers in the tail. Eights of words stay together.
    let (mut group, mut biases) = ([0; GROUP], [0; GROUP]);
    for (eight, words) in words.chunks(8).enumerate() {
        group[8 * (eight / 2 + eight % 2 * 4)..][..words.len()].copy_from_slice(words);
    }
    biases[..bias.len()].copy_from_slice(bias);
    let mut packed = self::group(backend, split, codes, &biases, &group);
    let there = (1 << words.len()) - 1;
    for mask in packed.kept.iter_mut().chain([&mut packed.sign, &mut packed.rare]) {
        *mask &= there;
    }
    packed
}
