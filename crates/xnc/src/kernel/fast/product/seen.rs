//! Coded rows as the loops take them.

use std::arch::x86_64::{__m128i, _mm_insert_epi8, _mm_loadu_si128};
use std::ops::RangeInclusive;

use super::{Listed, Rows, column};
use crate::kernel::fast::row::{GROUP, RowShape, SPARE, place, plane_bit};
use crate::kernel::fast::unpack::bits::Bits;

/// How many bytes ahead of its rows a loop asks for the payload: where a machine's own prefetching ends at a
/// page, this goes on.
pub(super) const AHEAD: usize = 10 * 1024;

/// Bytes of a group's record in a BF16 row.
pub(super) const RECORD: usize = 80;

/// What a loop needs of a row: as many records as the shape has groups, and the bits of its tiers.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub records: *const [u8; RECORD],
    pub bits: Bits,
}

/// The exception of a row that lists one; of a row that lists none, one that changes nothing.
#[derive(Clone, Copy)]
pub(super) struct One {
    pub group: usize,
    /// Its bit in the plane that makes the spare code; no bit if there is none.
    pub bit: u64,
    pub upper: u8,
    /// Zero where this is all that the row lists, and what a loop takes.
    pub more: usize,
}

/// Rows of one shape, with what is the same for all of them. What is here runs once a row, beside loops of
/// ten groups: it counts.
pub(super) struct View<'a> {
    /// Each but the last has what a row reaches from there on.
    at: &'a [usize],
    payload: &'a [u8],
    groups: usize,
    /// Bytes before a row's tiers.
    tiers: usize,
    /// Upper bytes, without sign, of exceptions that a loop takes: the least, the largest.
    exact: [isize; 2],
}

impl<'a> View<'a> {
    pub(super) fn new(shape: RowShape, exact: RangeInclusive<u8>, rows: Rows<'a>) -> Self {
        assert!(shape.record() == RECORD && shape.tail() == 0 && shape.groups() > 0);
        let last = rows.payload.len().checked_sub(shape.reach()).expect("what a row reaches");
        let (end, begins) = rows.at.split_last().expect("an end");
        assert!(begins.iter().all(|&at| at <= last) && *end <= rows.payload.len());
        let exact = [*exact.start(), *exact.end()].map(isize::from);
        View { at: rows.at, payload: rows.payload, groups: shape.groups(), tiers: shape.tiers(), exact }
    }

    /// Row `i`.
    #[inline]
    #[target_feature(enable = "popcnt")]
    pub(super) fn see(&self, i: usize) -> Seen {
        let [begin, _] = self.ends(i);
        // SAFETY: from there on the payload has what a row reaches, its records among it.
        let (row, records) = unsafe {
            let row = self.payload.as_ptr().add(begin);
            (row, std::slice::from_raw_parts(row.add(1).cast::<[u8; RECORD]>(), self.groups))
        };
        Seen { records: records.as_ptr(), bits: Bits::of_groups(row, 8 * self.tiers, records) }
    }

    /// What to ask for while row `i` is in work. Nothing is read from there.
    #[inline]
    pub(super) fn ahead(&self, i: usize) -> *const u8 {
        self.payload.as_ptr().wrapping_add(self.at[i] + AHEAD)
    }

    /// What row `i` lists if it is at most one exception. Of five rows one has an exception, in no order, so
    /// there is no branch on it.
    #[inline]
    pub(super) fn one(&self, i: usize) -> One {
        let [begin, end] = self.ends(i);
        let whole = end as isize - (begin + self.tiers + 3) as isize;
        // Four bytes, the last three of which are an exception.
        let at = if whole < 0 { begin } else { end - 4 };
        // SAFETY: from `begin` on there is what a row reaches; a whole row begins four bytes before its end
        // or earlier.
        let (number, last) = unsafe {
            let payload = self.payload.as_ptr();
            (*payload.add(begin), u32::from_le(payload.add(at).cast::<u32>().read_unaligned()))
        };
        let (group, upper) = ((last as usize >> 8 & 0xffff) / GROUP, (last >> 24) as u8);
        let (magnitude, inside) = (isize::from(upper & 0x7f), self.groups as isize - 1 - group as isize);
        // Below zero where one of them is.
        let fits = whole | inside | (magnitude - self.exact[0]) | (self.exact[1] - magnitude);
        let number = usize::from(number);
        One {
            group: if inside < 0 { 0 } else { group },
            bit: (number as u64 & 1) << PLANE_BITS[(last >> 8) as usize % GROUP],
            upper,
            more: number >> 1 | number & (fits >> (isize::BITS - 1)) as usize,
        }
    }

    /// Where row `i` begins, and where the next one does.
    #[inline]
    fn ends(&self, i: usize) -> [usize; 2] {
        [self.at[i], self.at[i + 1]]
    }
}

/// The bit of a plane that belongs to a word of a group.
static PLANE_BITS: [u8; GROUP] = {
    let mut bits = [0; GROUP];
    let mut i = 0;
    while i < GROUP {
        bits[i] = plane_bit(place(i)) as u8;
        i += 1;
    }
    bits
};

impl Listed<'_> {
    /// Where the words of exceptions are: `set` is told the group and the bit of the plane that makes the
    /// spare code of code 0, as which an exception is coded.
    pub(super) fn each(self, mut set: impl FnMut(usize, u64)) {
        const { assert!(SPARE == 2) };
        for exception in self.exceptions {
            let column = column(exception);
            set(column / GROUP, 1 << plane_bit(place(column % GROUP)));
        }
    }

    /// The upper bytes by code, with those of the spare code. Through a register: bytes written one by one
    /// cannot be read as one soon.
    #[inline]
    #[target_feature(enable = "sse4.1")]
    pub(super) fn table(self, upper: &[u8; 16]) -> __m128i {
        const CODE: i32 = SPARE as i32;
        // SAFETY: sixteen bytes.
        let table = unsafe { _mm_loadu_si128(upper.as_ptr().cast()) };
        let [positive, negative] = self.upper.map(i32::from);
        _mm_insert_epi8::<{ CODE + 8 }>(_mm_insert_epi8::<CODE>(table, positive), negative)
    }
}
