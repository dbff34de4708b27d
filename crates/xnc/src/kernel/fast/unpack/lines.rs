//! Lines to ask memory for, between the groups of a row.

use super::Ahead;
use crate::kernel::ahead::Plan;
use crate::kernel::fast::row::RowShape;

/// The lines of one row, some after each group.
#[derive(Clone, Copy)]
pub(super) struct RowLines {
    from: *const u8,
    a_group: usize,
    plan: Plan,
}

impl RowLines {
    /// For what is to be asked for during row `i`.
    #[inline]
    pub fn of(shape: RowShape, payload: &[u8], ahead: Ahead<'_>, i: usize) -> RowLines {
        // Lists take about a byte for 50 words.
        let lines = (shape.coded() + shape.dim / 48).div_ceil(64);
        let plan = Plan::of_machine();
        match ahead.get(i) {
            Some(at) => RowLines {
                from: payload.as_ptr().wrapping_add(*at),
                a_group: lines.div_ceil(shape.groups().max(1)),
                plan,
            },
            None => RowLines { from: payload.as_ptr(), a_group: 0, plan },
        }
    }

    /// Asks for those of a group.
    #[inline]
    pub fn ask(&self, group: usize) {
        for line in group * self.a_group..(group + 1) * self.a_group {
            self.plan.ask_for_line(self.from.wrapping_add(64 * line));
        }
    }
}
