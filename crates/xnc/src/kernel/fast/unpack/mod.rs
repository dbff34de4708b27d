//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
mod lines;
pub(super) mod scalar;

use super::row::{Row, RowShape, Symbols, WordSplit, assert_inside, entries};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// What to ask memory for while rows are decoded: for row `i` as many lines as a row takes, from `bytes` after
/// `at[i]` on; for rows that have no such place, nothing. A line at a time, between groups: many at once would
/// stand in each other's way.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loop asks for nothing
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

/// Writes the words of coded rows, one row after another; of a plain row any words. Any bytes give some words;
/// an entry of a list that lies behind the row changes nothing.
///
/// # Panics
/// If a row and its guard are not all in the payload, `out` is not `rows.len() * dim` long, or the bias not
/// `dim`.
pub fn rows(
    backend: Backend,
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.dim);
    if shape.dim == 0 {
        return;
    }
    assert_inside(shape, payload, rows);
    match (backend.0, shape.split) {
        (Isa::Scalar, _) => scalar::rows(shape, symbols, payload, rows, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; rows lie inside.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, WordSplit::Bf16) => unsafe {
            avx2::rows::<false>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, WordSplit::F16) => unsafe {
            avx2::rows::<true>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, WordSplit::Bf16) => unsafe {
            avx512::rows::<false>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, WordSplit::F16) => unsafe {
            avx512::rows::<true>(shape, symbols, payload, rows, ahead, out)
        },
    }
    // Only portable loops ask for nothing ahead.
    let _ = ahead;
}

/// Adds what a row's list says to the words that its groups and its tail gave.
#[inline]
fn add_listed(shape: RowShape, symbols: Symbols<'_>, row: Row, payload: &[u8], out: &mut [u16]) {
    for (at, code) in entries(row.list(payload)) {
        if at < shape.dim {
            let word = &mut out[shape.column(at)];
            *word = word.wrapping_add(u16::from(symbols.added[code]) << 8);
        }
    }
}
