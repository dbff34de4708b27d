//! Asking memory for the rows to come, a few cache lines a group.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::Ahead;
use crate::kernel::fast::row::RowShape;

/// The lines to ask for during some rows, one place after the other: in turns they come from memory at a
/// third of the pace (Zen 5).
#[derive(Clone, Copy)]
pub(super) struct Lines<const N: usize> {
    /// Of each place its beginning, moved back by the lines before it.
    from: [*const u8; N],
    of_each: usize,
    a_group: usize,
}

impl<const N: usize> Lines<N> {
    /// For the rows from number `i` on.
    pub(super) fn of(shape: RowShape, payload: &[u8], ahead: Ahead<'_>, i: usize) -> Lines<N> {
        // Tiers take about a byte for ten words.
        let of_each = (shape.tiers() + shape.dim / 8).div_ceil(64);
        let from = std::array::from_fn(|r| {
            let at = ahead.at.get(i + r).map_or(0, |at| at + ahead.bytes);
            payload.as_ptr().wrapping_add(at).wrapping_sub(64 * of_each * r)
        });
        let a_group = if ahead.at.len() > i { (N * of_each).div_ceil(shape.groups().max(1)) } else { 0 };
        Lines { from, of_each, a_group }
    }

    /// Asks for those of a group.
    #[inline]
    pub(super) fn ask(&self, group: usize) {
        for line in group * self.a_group..(group + 1) * self.a_group {
            let mut from = self.from[0];
            for r in 1..N {
                from = if line >= r * self.of_each { self.from[r] } else { from };
            }
            // SAFETY: every x86-64 machine has the instruction, and a prefetch reads nothing, whatever the
            // address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(64 * line).cast()) };
        }
    }
}
