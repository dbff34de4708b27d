//! NEON.

use std::arch::aarch64::*;

use super::{AT_ONCE, put_rest, turns};
use crate::kernel::fast::row::{ENTRY, GROUP, LONGEST, Row, Symbols};

/// What lists add.
#[derive(Clone, Copy)]
pub(in crate::kernel::fast) struct Lists {
    added: [u8; 16],
    /// Where entries go that a list does not have, or that lie behind the row.
    behind: usize,
    turns: usize,
}

impl Lists {
    pub(in crate::kernel::fast) fn new(symbols: Symbols<'_>) -> Lists {
        let behind = symbols.bias.len().next_multiple_of(GROUP);
        Lists { added: symbols.added, behind, turns: turns(symbols) }
    }

    /// Puts what the list of a row adds into its room. A plain row has no list.
    ///
    /// # Safety
    /// The row, its list in front, lies inside `payload` with its guard; the room is one of the table's.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::kernel::fast) unsafe fn put(&self, payload: &[u8], row: Row, room: *mut u8) {
        const { assert!(AT_ONCE <= 16) };
        // SAFETY: sixteen bytes; eight words.
        let (added, order) =
            unsafe { (vld1q_u8(self.added.as_ptr()), vld1q_u16([0, 1, 2, 3, 4, 5, 6, 7].as_ptr())) };
        let nowhere = vdupq_n_u16(self.behind as u16);
        // Every entry steps on by one, besides.
        let (mut left, mut before) = (row.entries(), order);
        let mut list = payload.as_ptr().wrapping_add(row.at);
        for turn in 0..self.turns {
            // SAFETY: 32 bytes from any entry on are of the list, the groups or the guard; there is no entry behind
            // the list that is looked at.
            let entries = unsafe { [vld1q_u8(list), vld1q_u8(list.add(16))] };
            // Places are sums of steps. They saturate, behind every row.
            let [low, high] = entries.map(|entries| {
                let steps = vandq_u16(vreinterpretq_u16_u8(entries), vdupq_n_u16(LONGEST as u16));
                let none = vdupq_n_u16(0);
                let two = vqaddq_u16(steps, vextq_u16::<7>(none, steps));
                let four = vqaddq_u16(two, vextq_u16::<6>(none, two));
                vqaddq_u16(four, vextq_u16::<4>(none, four))
            });
            let low = vqaddq_u16(low, before);
            let next = vqaddq_u16(vdupq_laneq_u16::<7>(low), vdupq_n_u16(1));
            let high = vqaddq_u16(vqaddq_u16(high, order), next);
            let there = vdupq_n_u16(left.min(16) as u16);
            let mut to = [0; 4];
            for (i, places) in [low, high].into_iter().enumerate() {
                let numbers = vaddq_u16(order, vdupq_n_u16(8 * i as u16));
                let nearest = vminq_u16(places, nowhere);
                let places = vreinterpretq_u64_u16(vbslq_u16(vcltq_u16(numbers, there), nearest, nowhere));
                (to[2 * i], to[2 * i + 1]) = (vgetq_lane_u64::<0>(places), vgetq_lane_u64::<1>(places));
            }
            let codes = vshrq_n_u8::<4>(vuzp2q_u8(entries[0], entries[1]));
            let bytes = vreinterpretq_u64_u8(vqtbl1q_u8(added, codes));
            let bytes = [vgetq_lane_u64::<0>(bytes), vgetq_lane_u64::<1>(bytes)].map(opaque);
            let to = to.map(opaque);
            for i in 0..AT_ONCE {
                let byte = (bytes[i / 8] >> (8 * (i % 8))) as u8;
                // SAFETY: places are in the room, up to the group behind the row.
                unsafe { *room.add((to[i / 4] >> (16 * (i % 4)) & 0xffff) as usize) = byte };
            }
            if turn + 1 < self.turns {
                left = left.saturating_sub(AT_ONCE);
                list = list.wrapping_add(if left > 0 { AT_ONCE * ENTRY } else { 0 });
                let last = vdupq_laneq_u16::<{ AT_ONCE as i32 - 9 }>(high);
                before = vqaddq_u16(vqaddq_u16(last, vdupq_n_u16(1)), order);
            }
        }
        if row.entries() > self.turns * AT_ONCE {
            // SAFETY: as the caller promises.
            unsafe { put_rest(&self.added, self.behind, payload, row, self.turns * AT_ONCE, room) };
        }
    }
}

/// The same bits, of which the compiler does not know that they come from a vector register: it would take its
/// bytes out one by one, on the ports that vectors need, where shifts do.
#[inline]
fn opaque(mut bits: u64) -> u64 {
    // SAFETY: no instruction.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) bits, options(pure, nomem, nostack, preserves_flags)) };
    bits
}
