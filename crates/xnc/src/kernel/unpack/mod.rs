//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod bits;
pub(super) mod scalar;

use super::Backend;
#[cfg(target_arch = "x86_64")]
use super::backend::Isa;
use super::row::{Form, RowShape, Symbols};

/// What to ask memory for while rows are decoded: for row `i` as many lines as a row takes, from `bytes` after `at[i]` on; for rows that have
/// no such place, nothing. A line at a time, between groups: many at once would stand in each other's way.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    /// Places in the payload.
    pub at: &'a [usize],
    /// Bytes after these.
    pub bytes: usize,
}

impl Ahead<'_> {
    /// Nothing.
    pub const NONE: Ahead<'static> = Ahead { at: &[], bytes: 0 };
}

/// Writes the words of the coded rows that begin at `at` in `payload`. Their first bytes are skipped; what lies behind a row is read and
/// ignored. Any bytes give some words.
///
/// # Panics
/// If a row is nearer than [`RowShape::reach`] to the end of `payload`, `out` is not `at.len() * dim` long, or the bias not `dim`.
pub fn rows(
    backend: Backend,
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    at: &[usize],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    assert!(out.len() == at.len() * shape.dim && symbols.bias.len() == shape.dim);
    if shape.dim == 0 {
        return;
    }
    match (backend.0, shape.form) {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Form::Bf16) => unsafe {
            avx2::rows::<false, 80>(shape, symbols, payload, at, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Form::F16) => unsafe {
            avx2::rows::<true, 104>(shape, symbols, payload, at, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Form::Bf16) => unsafe { avx512::rows(shape, symbols, payload, at, ahead, out) },
        _ => scalar::rows(shape, symbols, payload, at, out),
    }
}

/// The lines to ask for during some rows, one place after the other: in turns they come from memory at a third of the pace (Zen 5).
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Lines<const N: usize> {
    /// Of each place its beginning, moved back by the lines before it.
    from: [*const u8; N],
    of_each: usize,
    a_group: usize,
}

#[cfg(target_arch = "x86_64")]
impl<const N: usize> Lines<N> {
    /// For the rows from number `i` on.
    fn of(shape: RowShape, payload: &[u8], ahead: Ahead<'_>, i: usize) -> Lines<N> {
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
    fn ask(&self, group: usize) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in group * self.a_group..(group + 1) * self.a_group {
            let mut from = self.from[0];
            for r in 1..N {
                from = if line >= r * self.of_each { self.from[r] } else { from };
            }
            // SAFETY: every x86-64 machine has the instruction, and a prefetch reads nothing, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(64 * line).cast()) };
        }
    }
}

/// Where the two streams of tiers stand, in bits from the row's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streams {
    pub second: usize,
    pub rest: usize,
}
