//! What the lists of the rows at hand add: the loops add a room to the upper bytes of a row, and leave it zero.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{Caller, Lists};
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::PairLists;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Lists;

use super::row::{GROUP, Row, Symbols, WIDEST, entries};
use crate::kernel::Aligned;

/// Rows whose rooms are ready at a time: those that are multiplied, and those that come next.
const ROOMS: usize = 4;

/// Entries that are put in one go, whether a list has as many or not. How often is the same for all rows of a
/// table, and lists that have more are few: a loop over a list would end wrongly foretold, row by row.
const AT_ONCE: usize = 14;

/// A room for each of some rows that follow each other.
#[derive(Clone)]
pub(super) struct Rooms {
    bytes: Aligned<u8>,
    pitch: usize,
}

/// Where the rooms of a pass are.
#[derive(Clone, Copy)]
pub(super) struct Places {
    first: *mut u8,
    pitch: usize,
}

impl Rooms {
    /// For rows of so many words, not wider than [`WIDEST`].
    pub(super) fn new(dim: usize) -> Rooms {
        assert!(dim <= WIDEST);
        let padded = dim.next_multiple_of(GROUP);
        // Behind each row a group for entries that are none. Rooms 4 KiB apart would stand in each other's way:
        // a load waits for a store to an address that ends in the same twelve bits.
        let pitch = padded + GROUP;
        let pitch = if (pitch + 512) % 4096 < 1024 { pitch + 1024 } else { pitch };
        Rooms { bytes: Aligned::new(ROOMS * pitch, 0), pitch }
    }

    /// Where the rooms are, all of them zero.
    pub(super) fn places(&mut self) -> Places {
        assert_eq!(self.bytes.len(), ROOMS * self.pitch);
        Places { first: self.bytes.as_mut_ptr(), pitch: self.pitch }
    }
}

impl Places {
    /// The room of row `i`.
    #[inline]
    pub(super) fn of(self, i: usize) -> *mut u8 {
        self.first.wrapping_add(i % ROOMS * self.pitch)
    }
}

/// How many times the entries of a list are put, [`AT_ONCE`] at a time, whether it has as many or not.
pub(super) fn turns(symbols: Symbols<'_>) -> usize {
    symbols.listed.div_ceil(AT_ONCE).max(1)
}

/// Puts the entries from number `from` on of a list that has more than are put in one go.
///
/// # Safety
/// The row, its list in front, lies inside `payload`; the room is as long as a row, and `behind` is the place where
/// the group behind it begins.
#[cold]
#[inline(never)]
unsafe fn put_rest(table: &[u8; 16], behind: usize, payload: &[u8], row: Row, from: usize, room: *mut u8) {
    if row.entries() > from {
        for (at, code) in entries(row.list(payload)).skip(from) {
            // SAFETY: behind a row, filled to whole groups, there is a group of its room.
            unsafe { *room.add(at.min(behind)) = table[code] };
        }
    }
}
