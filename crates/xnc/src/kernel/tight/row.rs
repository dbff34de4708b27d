//! The bytes of a coded row as kernels see them: `spec/tight.md`, sections 3 and 4.

pub use crate::kernel::fast::row::{GROUP, PLANE, WordSplit, place, rank_bit, word_at};
use crate::kernel::fast::row::{spread_bits, spread_pairs};

/// Bytes of the codes of a group, two bits a word.
pub const CODES: usize = 16;

/// Codes in a byte.
pub const IN_BYTE: usize = 4;

/// Words whose place in a group is a fourfold: the sign of each stands beside the next one's mantissa.
pub const QUAD: usize = 4;

/// Levels of codes: those of groups, and two more.
pub const LEVELS: usize = 3;

/// Bytes of the longest group.
pub const LONGEST: usize = CODES + 3 * PLANE + GROUP;

/// Symbols that a level has codes for; code 0 passes on to the next level.
pub const CODED: usize = 3;

/// Extent of a coded row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowShape {
    /// Words in the row.
    pub dim: usize,
    /// How words divide.
    pub split: WordSplit,
}

impl RowShape {
    /// Number of groups, the tail counted.
    pub const fn groups(self) -> usize {
        self.dim.div_ceil(GROUP)
    }

    /// Places in all groups.
    pub const fn places(self) -> usize {
        self.groups() * GROUP
    }

    /// Where the lower bytes of a group begin: after codes and kept bits.
    pub const fn lower(self) -> usize {
        CODES + PLANE * self.split.planes()
    }

    /// Bytes of a group.
    pub const fn record(self) -> usize {
        self.lower() + GROUP
    }

    /// Number of full groups.
    pub const fn full(self) -> usize {
        self.dim / GROUP
    }

    /// Words of the tail, filled to whole quads.
    pub const fn tail(self) -> usize {
        (self.dim % GROUP).next_multiple_of(QUAD)
    }

    /// Bytes of the tail.
    pub const fn tail_bytes(self) -> usize {
        let words = self.tail();
        words / IN_BYTE + words.div_ceil(8) * self.split.planes() + words
    }

    /// Bytes of a coded row before its second level.
    pub const fn coded(self) -> usize {
        self.full() * self.record() + self.tail_bytes()
    }

    /// The tail as a group, of whose other words none passes on.
    pub fn whole(self, tail: &[u8]) -> [u8; LONGEST] {
        let mut group = [0; LONGEST];
        group[..CODES].fill(0x55);
        const FILLED: u64 = 0x0101_0101_0101_0101;
        let (codes, rest) = tail.split_at(self.tail() / IN_BYTE);
        let (planes, lower) = rest.split_at(rest.len() - self.tail());
        // The places of eight words follow each other, in bytes that do, and with the same bits of these.
        for (i, lower) in lower.chunks(8).enumerate() {
            let (p, byte) = (place(8 * i), |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0));
            let codes = u16::from_le_bytes([byte(codes, 2 * i), byte(codes, 2 * i + 1)]);
            // Where no word is, code 1 was filled in.
            let there = u64::MAX >> (64 - 8 * lower.len());
            let change = (spread_pairs(codes) ^ FILLED) & there;
            xor(&mut group[p % CODES..], change << rank_bit(p));
            for plane in 0..self.split.planes() {
                let bits = spread_bits(byte(planes, self.tail().div_ceil(8) * plane + i));
                xor(&mut group[CODES + PLANE * plane..], bits << (p / PLANE));
            }
            group[self.lower() + p..][..lower.len()].copy_from_slice(lower);
        }
        group
    }

    /// Bytes behind a row that kernels may read, whatever they hold: codes of a level that all words pass on to.
    pub const fn guard(self) -> usize {
        GROUP + CODES * self.groups()
    }

    /// The column at a place of a row, counted through groups; behind the row where the place is no word's.
    pub const fn column(self, at: usize) -> usize {
        at / GROUP * GROUP + word_at(at % GROUP)
    }
}

/// Changes eight bytes.
fn xor(bytes: &mut [u8], change: u64) {
    let eight = bytes.first_chunk_mut().expect("eight bytes");
    *eight = (u64::from_le_bytes(*eight) ^ change).to_le_bytes();
}

/// What the second level of a row takes that holds its words as they are.
pub const PLAIN: usize = usize::MAX;

/// A row in a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its first byte.
    pub at: usize,
    /// Bytes of its second level, or [`PLAIN`].
    pub second: usize,
    /// Bytes of its third level, and of the symbols behind it that no code names.
    pub third: usize,
}

impl Row {
    /// Whether the row holds its words as they are.
    pub const fn is_plain(self) -> bool {
        self.second == PLAIN
    }

    /// Bytes of a row that is coded.
    pub const fn length(self, shape: RowShape) -> usize {
        shape.coded() + self.second + self.third
    }
}

/// Asserts that coded rows, and the guard behind each, lie in a payload: what makes loads of kernels sound.
pub fn assert_inside(shape: RowShape, payload: &[u8], rows: &[Row]) {
    let fits = |row: &Row| {
        let room = payload.len().checked_sub(shape.coded() + shape.guard());
        let levels = row.second.checked_add(row.third).and_then(|levels| levels.checked_add(row.at));
        row.is_plain()
            || row.second <= CODES * shape.groups()
                && levels.zip(room).is_some_and(|(levels, room)| levels <= room)
    };
    assert!(rows.iter().all(fits), "a row reaches past its payload");
}

/// What turns codes back into words. A word's upper byte, before four words are turned right by a bit, is the
/// sum, modulo 256, of its symbol, its kept bits, and its column's bias.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    /// Symbols by level and code; those of code 0 count for nothing.
    pub levels: [[u8; 1 + CODED]; LEVELS],
    /// Biases by place, of all places.
    pub bias: &'a [u8],
    /// Registers of codes that nearly all rows have at most, in the second level and in the third. Changes no result.
    #[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
    pub usual: [usize; 2],
}
