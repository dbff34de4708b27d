//! The bytes of a coded row as kernels see them: `spec/fast.md`, section 3.

/// Words in a group: what one pass of a hot loop takes.
pub const GROUP: usize = 64;

/// Which bits of a word's upper byte are a symbol, and which stand as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordSplit {
    /// BF16: the symbol is the whole upper byte, sign and seven exponent bits.
    Bf16,
    /// Native FP16: sign and four exponent bits; the other three are kept in planes.
    F16,
}

impl WordSplit {
    /// Bits of the upper byte below the symbol, each a plane.
    pub const fn planes(self) -> usize {
        match self {
            WordSplit::Bf16 => 0,
            WordSplit::F16 => 3,
        }
    }
}

/// Extent of a coded row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// Words in the row.
    pub dim: usize,
    /// How words divide.
    pub split: WordSplit,
}

impl RowShape {
    /// Number of full groups.
    pub const fn groups(self) -> usize {
        self.dim / GROUP
    }

    /// Words after the full groups.
    pub const fn tail(self) -> usize {
        self.dim % GROUP
    }

    /// Bytes of a full group: escapes, signs, planes, lower bytes.
    pub const fn record(self) -> usize {
        8 * (2 + self.split.planes()) + GROUP
    }

    /// Bytes of the tail.
    pub const fn tail_bytes(self) -> usize {
        self.tail().div_ceil(8) * (2 + self.split.planes()) + self.tail()
    }

    /// Where the tiers begin: after the row's first byte, its groups and its tail.
    pub const fn tiers(self) -> usize {
        1 + self.groups() * self.record() + self.tail_bytes()
    }

    /// Bytes from a row's first that kernels may read, whatever the bytes are: tiers hold four bits a word at
    /// most, and are fetched eight bytes at a time.
    pub const fn reach(self) -> usize {
        self.tiers() + self.dim / 2 + 16
    }
}

/// What turns symbols back into words.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    /// Upper byte by code; codes from 8 on are the negative ones.
    pub upper: &'a [u8; 16],
    /// Added to each word, by column.
    pub bias: &'a [u16],
}

/// Place of word `i` of a full group among its lower bytes, chosen so that interleaving the bytes of two
/// registers gives words in order.
pub const fn place(i: usize) -> usize {
    (i >> 3 & 3) << 4 | (i >> 5) << 3 | i & 7
}

/// Bit of a plane that belongs to a place: shifting a plane by 0 to 7 brings the bits of eight places each to
/// the bottom of the bytes.
pub const fn plane_bit(place: usize) -> usize {
    (place & 7) << 3 | place >> 3
}

/// Code of a word from its bits: escape, the tier-2 and tier-3 bits under it, the two last ones.
/// `spec/fast.md`, section 4. Written for planes: 64 words at a time.
#[inline]
pub const fn code_planes(escape: u64, second: u64, third: u64, last: [u64; 2]) -> [u64; 3] {
    [escape ^ last[0], second ^ last[1], third]
}

/// The code without sign that [`code_planes`] never makes of a row's bits.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loop looks codes up
pub const SPARE: usize = 2;

/// Rank by code without sign; none has [`SPARE`].
const RANKS: [usize; 8] = [0, 1, 7, 2, 6, 5, 4, 3];

/// Upper bytes by code, from those by rank.
pub fn upper(tops: [u8; 7]) -> [u8; 16] {
    std::array::from_fn(|code| {
        let sign = if code < 8 { 0 } else { 0x80 };
        tops.get(RANKS[code % 8]).copied().unwrap_or(0) | sign
    })
}

/// The upper bytes that have a code, without sign.
pub fn coded(upper: &[u8; 16]) -> impl Iterator<Item = u8> {
    (0..8).filter(|&code| RANKS[code] < 7).map(|code| upper[code])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_plane_bits_are_permutations() {
        let mut seen = [false; GROUP];
        for i in 0..GROUP {
            let bit = plane_bit(place(i));
            assert!(!std::mem::replace(&mut seen[bit], true));
        }
    }
}
