//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod bits;
#[cfg(target_arch = "x86_64")]
mod lines;
pub(super) mod scalar;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use crate::kernel::fast::row::{RowShape, Symbols, WordSplit};

/// What to ask memory for while rows are decoded: for row `i` as many lines as a row takes, from `bytes`
/// after `at[i]` on; for rows that have no such place, nothing. A line at a time, between groups: many at
/// once would stand in each other's way.
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

/// Writes the words of the coded rows that begin at `at` in `payload`. Their first bytes are skipped; what
/// lies behind a row is read and ignored. Any bytes give some words.
///
/// # Panics
/// If a row is nearer than [`RowShape::reach`] to the end of `payload`, `out` is not `at.len() * dim` long,
/// or the bias not `dim`.
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
    match (backend.0, shape.split) {
        (Isa::Scalar, WordSplit::Bf16 | WordSplit::F16) => {
            scalar::rows(shape, symbols, payload, at, ahead, out);
        }
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, WordSplit::Bf16) => unsafe {
            avx2::rows::<false, 80>(shape, symbols, payload, at, ahead, out)
        },
        // AVX-512 takes AVX2's loop.
        // SAFETY: as above; AVX-512's machines have AVX2.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, WordSplit::F16) => unsafe {
            avx2::rows::<true, 104>(shape, symbols, payload, at, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, WordSplit::Bf16) => unsafe {
            avx512::rows(shape, symbols, payload, at, ahead, out)
        },
    }
}

/// Where the second tier of a row goes on, and where the third and last do, in bits from the row's first
/// byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TierPlaces {
    pub second: usize,
    pub rest: usize,
}
