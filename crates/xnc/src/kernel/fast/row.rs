//! The bytes of a coded row as kernels see them: `spec/fast.md`, sections 3 and 4.

/// Words in a group: what one pass of a hot loop takes.
pub const GROUP: usize = 64;

/// Bytes of the ranks of a group, two bits a word.
pub const RANKS: usize = 16;

/// Bytes of a plane of a group, one bit a word.
pub const PLANE: usize = 8;

/// Code of an entry that only steps on.
pub const STEP: usize = 15;

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
}

/// Bytes of a list of `entries`: a step each, and half a byte of code.
pub const fn list(entries: usize) -> usize {
    entries + entries.div_ceil(2)
}

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

    /// Where the groups of a coded row begin.
    pub const fn groups(self) -> usize {
        self.at + list(self.listed)
    }
}

/// Asserts that coded rows, and the guard behind each, lie in a payload: what makes loads of kernels sound.
pub fn assert_inside(shape: RowShape, payload: &[u8], rows: &[Row]) {
    let last = payload.len().checked_sub(shape.coded() + GUARD);
    let inside = |row: &Row| row.is_plain() || last.is_some_and(|last| row.groups() <= last);
    assert!(rows.iter().all(inside), "a coded row reaches past its payload");
}

/// What turns codes back into words.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    /// Upper bytes, without sign and kept bits, by rank.
    pub ranked: [u8; 4],
    /// Those of the words that lists name, by code; they are ranked 0 in their group. The last is for entries that only step on.
    pub rare: &'a [u8; 16],
    /// Added to each word, by column.
    pub bias: &'a [u16],
}

impl Symbols<'_> {
    /// What an entry's code does to the upper byte of a word that is ranked 0, by XOR: nothing for one that only steps on.
    pub fn patches(&self) -> [u8; 16] {
        let mut patches = self.rare.map(|rare| rare ^ self.ranked[0]);
        patches[STEP] = 0;
        patches
    }
}

/// Place of word `i` of a full group, chosen so that interleaving the bytes of two registers gives words in order.
pub const fn place(i: usize) -> usize {
    (i >> 3 & 3) << 4 | (i >> 5) << 3 | i & 7
}

/// The word of a full group at place `p`: undoes [`place`].
pub const fn word_at(p: usize) -> usize {
    (p >> 4) << 3 | (p >> 3 & 1) << 5 | p & 7
}

/// The entries of a list: for each the place in the row, counted through groups and tail, and the code.
#[inline]
pub fn entries(list: &[u8], listed: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let (steps, codes) = list.split_at(listed);
    let mut at = 0;
    steps.iter().enumerate().map(move |(i, &step)| {
        at += usize::from(step);
        (at, usize::from(codes[i / 2] >> (4 * (i % 2)) & 15))
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
    fn lists_are_read_in_order() {
        let list = [3, 0, 255, 0x21, 0x0f];
        assert_eq!(entries(&list, 3).collect::<Vec<_>>(), [(3, 1), (3, 2), (258, 15)]);
        assert_eq!((super::list(3), super::list(0), super::list(4)), (5, 0, 6));
    }
}
