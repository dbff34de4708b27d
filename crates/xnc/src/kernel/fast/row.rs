//! The bytes of a coded row as kernels see them: `spec/fast.md`, sections 3 and 4.

/// Words in a group: what one pass of a hot loop takes.
pub const GROUP: usize = 64;

/// Bytes of the ranks of a group, two bits a word.
pub const RANKS: usize = 16;

/// Bytes of a plane of a group, one bit a word.
pub const PLANE: usize = 8;

/// Bytes of an entry of a row's list.
pub const ENTRY: usize = 2;

/// Code of an entry that only steps on.
pub const STEP: usize = 15;

/// The longest step of an entry.
pub const LONGEST: usize = 0xfff;

/// Bytes behind a row that kernels may read, whatever they hold.
pub const GUARD: usize = 64;

/// Which bits of a word's upper byte are a symbol, and which stand as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordSplit {
    /// BF16: below the sign the whole upper byte is the symbol, seven bits of the exponent.
    Bf16,
    /// FP16: four bits of the exponent; the other three bits are kept in planes.
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

    /// Words in full groups.
    pub const fn full(self) -> usize {
        self.groups() * GROUP
    }

    /// Words after the full groups.
    pub const fn tail(self) -> usize {
        self.dim % GROUP
    }

    /// Where the lower bytes of a full group begin: after ranks, signs, kept bits.
    pub const fn lower(self) -> usize {
        RANKS + PLANE * (1 + self.split.planes())
    }

    /// Bytes of a full group.
    pub const fn record(self) -> usize {
        self.lower() + GROUP
    }

    /// Bytes of the tail.
    pub const fn tail_bytes(self) -> usize {
        let tail = self.tail();
        tail.div_ceil(4) + tail.div_ceil(8) * (1 + self.split.planes()) + tail
    }

    /// Bytes of a coded row behind its list.
    pub const fn coded(self) -> usize {
        self.groups() * self.record() + self.tail_bytes()
    }

    /// The column at a place of a row, counted through groups and tail.
    pub const fn column(self, at: usize) -> usize {
        if at < self.full() { at / GROUP * GROUP + word_at(at % GROUP) } else { at }
    }
}

/// Widest rows that products and decoding past the caches have loops for: places of entries have 16 bits there.
pub const WIDEST: usize = 1 << 15;

/// What a row lists that holds its words as they are.
pub const PLAIN: usize = usize::MAX;

/// A row in a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its first byte.
    pub at: usize,
    /// Entries of its list, or [`PLAIN`].
    pub listed: usize,
}

impl Row {
    /// Whether the row holds its words as they are.
    pub const fn is_plain(self) -> bool {
        self.listed == PLAIN
    }

    /// Entries of the row's list; a plain row has none.
    pub const fn entries(self) -> usize {
        if self.is_plain() { 0 } else { self.listed }
    }

    /// Where the groups of a coded row begin; where the words of a plain one do.
    pub const fn groups(self) -> usize {
        self.at + ENTRY * self.entries()
    }

    /// The row's list.
    #[inline]
    pub fn list(self, payload: &[u8]) -> &[[u8; ENTRY]] {
        payload[self.at..][..ENTRY * self.entries()].as_chunks().0
    }
}

/// Asserts that rows, and the guard behind each, lie in a payload: what makes loads of kernels sound. A plain row
/// of a group or more takes more bytes than a coded one without a list.
pub fn assert_inside(shape: RowShape, payload: &[u8], rows: &[Row]) {
    let fits = |row: &Row| {
        let bytes = if row.is_plain() { 2 * shape.dim } else { shape.coded() };
        payload.len().checked_sub(bytes + GUARD).is_some_and(|last| row.groups() <= last)
    };
    assert!(rows.iter().all(fits), "a row reaches past its payload");
}

/// What turns codes back into words. A word is `upper << 8 | lower`, less [`Symbols::phase`]; its upper byte is
/// the sum, modulo 256, of its rank's symbol, 128 where its sign is set, its kept bits, its column's bias, and
/// what the row's list adds.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    /// Symbols by rank: upper bytes, without sign and kept bits.
    pub ranked: [u8; 4],
    /// What an entry of a list adds to an upper byte, by code; nothing for [`STEP`].
    pub added: [u8; 16],
    /// Biases by place, through groups and tail.
    pub bias: &'a [u8],
    /// Taken off every word at last, modulo 2^16.
    pub phase: u16,
    /// Entries that four rows in five do not exceed. Changes no result.
    #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
    // the portable loop goes through lists one by one
    pub listed: usize,
}

/// Place of word `i` of a full group, chosen so that interleaving the bytes of two registers gives words in
/// order.
pub const fn place(i: usize) -> usize {
    (i >> 3 & 3) << 4 | (i >> 5) << 3 | i & 7
}

/// The word of a full group at place `p`: undoes [`place`].
pub const fn word_at(p: usize) -> usize {
    (p >> 4) << 3 | (p >> 3 & 1) << 5 | p & 7
}

/// Where the rank of place `p` stands in byte `p mod 16`: the places of half a byte are 32 apart, so that two
/// lookups of half bytes give a register each.
pub const fn rank_bit(p: usize) -> usize {
    [0, 4, 2, 6][p / RANKS]
}

/// Eight pairs of bits, the lowest first, to the lowest bits of a byte each.
pub const fn spread_pairs(pairs: u16) -> u64 {
    let pairs = pairs as u64;
    let pairs = (pairs | pairs << 24) & 0x0000_00ff_0000_00ff;
    let pairs = (pairs | pairs << 12) & 0x000f_000f_000f_000f;
    (pairs | pairs << 6) & 0x0303_0303_0303_0303
}

/// Eight bits, the lowest first, to the lowest bit of a byte each.
pub const fn spread_bits(bits: u8) -> u64 {
    let bits = bits as u64;
    let bits = (bits | bits << 28) & 0x0000_000f_0000_000f;
    let bits = (bits | bits << 14) & 0x0003_0003_0003_0003;
    (bits | bits << 7) & 0x0101_0101_0101_0101
}

/// The entries of a list: for each the place in the row, counted through groups and tail, and the code. A step
/// counts the words between two places, so that no place comes twice.
#[inline]
pub fn entries(list: &[[u8; ENTRY]]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut next = 0_usize;
    list.iter().map(move |entry| {
        let entry = usize::from(u16::from_le_bytes(*entry));
        let at = next + (entry & LONGEST);
        next = at + 1;
        (at, entry >> 12)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_a_permutation_and_undone() {
        let mut seen = [false; GROUP];
        for i in 0..GROUP {
            assert_eq!(word_at(place(i)), i);
            assert!(!std::mem::replace(&mut seen[place(i)], true));
        }
    }

    #[test]
    fn bits_go_to_bytes() {
        for bits in 0..=u16::MAX {
            let bytes: [u8; 8] = std::array::from_fn(|i| (bits >> (2 * i) & 3) as u8);
            assert_eq!(spread_pairs(bits).to_le_bytes(), bytes);
        }
        for bits in 0..=u8::MAX {
            assert_eq!(spread_bits(bits).to_le_bytes(), std::array::from_fn(|i| bits >> i & 1));
        }
    }

    #[test]
    fn lists_are_read_in_order() {
        let list = [[3, 0x10], [0, 0x20], [0xff, 0xff], [1, 0]];
        assert_eq!(entries(&list).collect::<Vec<_>>(), [(3, 1), (4, 2), (4100, 15), (4102, 0)]);
    }
}
