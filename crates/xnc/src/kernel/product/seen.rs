//! Coded rows as the loops take them.

use super::super::row::RowShape;
use super::super::unpack::bits::Bits;
use super::Rows;

/// Bytes of a group's record in a BF16 row.
pub(super) const RECORD: usize = 80;

/// What a loop needs of a row: as many records as the shape has groups, and the bits of its tiers.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub records: *const [u8; RECORD],
    pub bits: Bits,
}

/// Rows of one shape, with what is the same for all of them.
pub(super) struct View<'a> {
    rows: Rows<'a>,
    groups: usize,
    /// Bits from a row's first to its tiers.
    tiers: usize,
    /// The last place in the payload where a row can begin.
    last: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(shape: RowShape, rows: Rows<'a>) -> Self {
        assert!(shape.record() == RECORD && shape.tail() == 0 && shape.groups() > 0);
        let last = rows.payload.len().checked_sub(shape.reach()).expect("what a row reaches");
        View { rows, groups: shape.groups(), tiers: 8 * shape.tiers(), last }
    }

    /// Row `i`.
    #[inline]
    #[target_feature(enable = "popcnt")]
    pub(super) fn see(&self, i: usize) -> Seen {
        let at = self.rows.at[i];
        assert!(at <= self.last);
        // SAFETY: from there on the payload has what a row reaches, its records among it.
        let (row, records) = unsafe {
            let row = self.rows.payload.as_ptr().add(at);
            (row, std::slice::from_raw_parts(row.add(1).cast::<[u8; RECORD]>(), self.groups))
        };
        Seen { records: records.as_ptr(), bits: Bits::of_groups(row, self.tiers, records) }
    }

    /// Whether row `i` lists exceptions, or is plain.
    #[inline]
    pub(super) fn lists(&self, i: usize) -> bool {
        self.rows.payload[self.rows.at[i]] != 0
    }
}
