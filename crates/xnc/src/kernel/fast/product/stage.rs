//! Rooms for upper bytes that wait to be multiplied, and where rare words are put in place.

use crate::kernel::Aligned;
use crate::kernel::fast::row::{GROUP, Row, RowShape};
use crate::kernel::prefetch_line;

/// How many bytes ahead of its rows a loop asks for the payload: where a machine's own prefetching ends at a page, this goes on.
pub(super) const AHEAD: usize = 10 * 1024;

/// Rows whose upper bytes are down at a time: those that are multiplied, and those that come next.
const ROOMS: usize = 4;

/// The upper bytes of some rows, by place; behind each row a group for bytes that belong nowhere.
#[derive(Clone)]
pub(super) struct Rooms {
    bytes: Aligned<u8>,
    row: usize,
}

impl Rooms {
    pub(super) fn new(shape: RowShape) -> Rooms {
        let row = shape.dim.next_multiple_of(GROUP) + GROUP;
        Rooms { bytes: Aligned::new(ROOMS * row, 0), row }
    }

    /// The room of row `i`.
    #[inline]
    pub(super) fn of(&mut self, i: usize) -> &mut [u8] {
        &mut self.bytes[i % ROOMS * self.row..][..self.row]
    }
}

/// Puts the rare words of a row in place among upper bytes, which end in a group for entries that lie behind the row.
#[inline]
pub(super) fn patch(patches: &[u8; 16], payload: &[u8], row: Row, uppers: &mut [u8]) {
    let last = uppers.len() - GROUP;
    let (steps, codes) = payload[row.at..row.groups()].split_at(row.listed);
    let mut at = 0;
    for (i, &step) in steps.iter().enumerate() {
        at += usize::from(step);
        let code = usize::from(codes[i / 2] >> (4 * (i % 2)) & 15);
        // SAFETY: `last` and all before it are in the room.
        unsafe { *uppers.get_unchecked_mut(at.min(last)) ^= patches[code] };
    }
}

/// The lines to ask for while some rows are multiplied, in the order in which they lie.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    next: *const u8,
    a_group: usize,
}

impl Lines {
    /// For rows of `bytes` from `at` on.
    #[inline]
    pub(super) fn of(shape: RowShape, payload: &[u8], at: usize, bytes: usize) -> Lines {
        let next = payload.as_ptr().wrapping_add(at + AHEAD);
        Lines { next, a_group: bytes.div_ceil(64).div_ceil(shape.groups().max(1)) }
    }

    /// Asks for those of a group.
    #[inline]
    pub(super) fn ask(&mut self) {
        for _ in 0..self.a_group {
            prefetch_line(self.next);
            self.next = self.next.wrapping_add(64);
        }
    }
}
