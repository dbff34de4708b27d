//! The words of a group to the parts of a coded row.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use crate::kernel::fast::row::{GROUP, WordSplit};

/// Symbols that have a code: upper bytes without sign and kept bits, commonest first.
pub type Tops = [u8; 7];

/// Bits that a reader is sure to have after one fetch.
pub const FETCH: u32 = 57;

/// A group, or the words after the last one, taken apart. Masks are in the order of plane bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Lower bytes by place.
    pub lower: [u8; GROUP],
    /// Words whose symbol is not the commonest.
    pub escape: u64,
    /// Signs.
    pub sign: u64,
    /// Bits of the upper byte that are kept as they are, lowest first.
    pub kept: [u64; 3],
    /// Second tier: its bits and their number.
    pub second: (u64, u32),
    /// Third and last tier: their bits and their number. Meaningless when the group does not
    /// [fit](Packed::fits).
    pub rest: (u64, u32),
    /// Words whose symbol has no code; they are coded as the commonest.
    pub strange: u64,
}

impl Packed {
    /// Whether a reader gets each of the two streams' part with one fetch.
    pub fn fits(&self) -> bool {
        self.second.1 <= FETCH && self.rest.1 <= FETCH
    }

    /// Puts the tiers together from masks. `extract` is PEXT.
    #[inline]
    fn new(
        lower: [u8; GROUP],
        kept: [u64; 3],
        [escape, second, third, low, high, strange, sign]: [u64; 7],
        extract: impl Fn(u64, u64) -> u64,
    ) -> Packed {
        let (n2, n3, n4) = (escape.count_ones(), second.count_ones(), third.count_ones());
        let last = extract(low, third) | extract(high, third).wrapping_shl(n4);
        Packed {
            lower,
            escape,
            sign,
            kept,
            second: (extract(second, escape), n2),
            rest: (extract(third, second) | last.wrapping_shl(n3), n3 + 2 * n4),
            strange,
        }
    }
}

/// Takes a full group apart.
#[inline]
pub fn group(
    backend: Backend,
    split: WordSplit,
    tops: &Tops,
    bias: &[u16; GROUP],
    words: &[u16; GROUP],
) -> Packed {
    match backend.0 {
        Isa::Scalar => scalar::group(split, tops, bias, words),
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::group(split, tops, bias, words) },
    }
}

/// Takes fewer words than a group apart: places and plane bits in natural order.
///
/// # Panics
/// If there are more, or lengths differ.
pub fn tail(split: WordSplit, tops: &Tops, bias: &[u16], words: &[u16]) -> Packed {
    assert!(words.len() < GROUP && bias.len() == words.len());
    scalar::pack(split, tops, bias, words, |i| (i, i))
}
