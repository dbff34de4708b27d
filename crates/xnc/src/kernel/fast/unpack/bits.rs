//! Tiers by PDEP in general registers: what every x86 backend has of a group before its vectors.

use std::arch::x86_64::*;

use super::{TierPlaces, scalar};
use crate::kernel::fast::row::{RowShape, code_planes};

/// The plane at byte `AT`.
#[inline]
pub(super) fn plane<const AT: usize, const N: usize>(bytes: &[u8; N]) -> u64 {
    const { assert!(AT + 8 <= N) };
    u64::from_le_bytes(std::array::from_fn(|i| bytes[AT + i]))
}

/// Number of escapes. In assembly, since the compiler makes a long vector loop of this one; four at a time,
/// since what a short loop does costs less than the loop.
#[inline]
#[target_feature(enable = "popcnt")]
fn escapes<const N: usize>(records: &[[u8; N]]) -> usize {
    const { assert!(N >= 8) };
    let sum: usize;
    // SAFETY: reads the first eight bytes of each record.
    unsafe {
        std::arch::asm!(
            "xor {sum:e}, {sum:e}",
            "sub {left}, 4",
            "jb 3f",
            "2:",
            "popcnt {c}, qword ptr [{p}]",
            "add {sum}, {c}",
            "popcnt {c}, qword ptr [{p} + {n}]",
            "add {sum}, {c}",
            "popcnt {c}, qword ptr [{p} + 2*{n}]",
            "add {sum}, {c}",
            "popcnt {c}, qword ptr [{p} + 3*{n}]",
            "add {sum}, {c}",
            "add {p}, 4*{n}",
            "sub {left}, 4",
            "jae 2b",
            "3:",
            "add {left}, 4",
            "je 5f",
            "4:",
            "popcnt {c}, qword ptr [{p}]",
            "add {sum}, {c}",
            "add {p}, {n}",
            "dec {left}",
            "jne 4b",
            "5:",
            sum = out(reg) sum, c = out(reg) _, n = const N,
            p = inout(reg) records.as_ptr() => _, left = inout(reg) records.len() => _,
            options(pure, readonly, nostack)
        );
    }
    sum
}

/// Where the two streams of a row's tiers stand, as addresses of bits.
#[derive(Clone, Copy, Default)]
pub(in crate::kernel::fast) struct Bits {
    pub second: usize,
    pub rest: usize,
}

impl Bits {
    /// The beginning of a row's streams. `row` holds [`RowShape::reach`] bytes, of which `records` are part.
    #[inline]
    #[target_feature(enable = "popcnt")]
    pub(in crate::kernel::fast) fn new<const N: usize>(
        shape: RowShape,
        row: &[u8],
        records: &[[u8; N]],
    ) -> Self {
        assert!(row.len() >= shape.reach());
        let streams = scalar::streams_of_tail(shape, row);
        Bits::of(row.as_ptr(), [streams.second, streams.rest + escapes(records)])
    }

    /// As [`Bits::new`] for a row without a tail, whose streams begin at bit `begin`.
    #[inline]
    #[target_feature(enable = "popcnt")]
    pub(in crate::kernel::fast) fn of_groups<const N: usize>(
        row: *const u8,
        begin: usize,
        records: &[[u8; N]],
    ) -> Self {
        Bits::of(row, [begin, begin + escapes(records)])
    }

    #[inline]
    fn of(row: *const u8, [second, rest]: [usize; 2]) -> Self {
        let base = 8 * row.expose_provenance();
        Bits { second: base + second, rest: base + rest }
    }

    /// Where they stand in `row`, whose bits they are.
    pub(super) fn streams(self, row: &[u8]) -> TierPlaces {
        let base = 8 * row.as_ptr().expose_provenance();
        TierPlaces { second: self.second - base, rest: self.rest - base }
    }

    /// The code planes of the next group.
    ///
    /// # Safety
    /// Called at most once for each of the row's records, while the row is borrowed: every bit that moves a
    /// stream on is then one of at most `4 * dim`; [`RowShape::reach`] covers these and eight bytes more.
    #[inline]
    #[target_feature(enable = "bmi1,bmi2,popcnt")]
    pub(in crate::kernel::fast) unsafe fn planes<const N: usize>(&mut self, record: &[u8; N]) -> [u64; 3] {
        // SAFETY: as the caller promises.
        let fetch = |at: usize| unsafe {
            std::ptr::with_exposed_provenance::<u64>(at >> 3).read_unaligned() >> (at & 7)
        };
        let escape = plane::<0, N>(record);
        let second = _pdep_u64(fetch(self.second), escape);
        self.second += escape.count_ones() as usize;
        let bits = fetch(self.rest);
        let third = _pdep_u64(bits, second);
        let bits = bits.wrapping_shr(second.count_ones());
        let low = _pdep_u64(bits, third);
        let high = _pdep_u64(bits.wrapping_shr(third.count_ones()), third);
        self.rest += (second.count_ones() + 2 * third.count_ones()) as usize;
        code_planes(escape, second, third, [low, high])
    }
}
