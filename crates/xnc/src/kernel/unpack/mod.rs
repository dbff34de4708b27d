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

/// Rows asked for ahead of the one in work: the time of decoding them covers a trip to memory.
const AHEAD: usize = 8;

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
    out: &mut [u16],
) {
    assert!(out.len() == at.len() * shape.dim && symbols.bias.len() == shape.dim);
    if shape.dim == 0 {
        return;
    }
    match (backend.0, shape.form) {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Form::Bf16) => unsafe { avx2::rows::<false, 80>(shape, symbols, payload, at, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Form::F16) => unsafe {
            avx2::rows::<true, 104>(shape, symbols, payload, at, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Form::Bf16) => unsafe { avx512::rows(shape, symbols, payload, at, out) },
        _ => scalar::rows(shape, symbols, payload, at, out),
    }
}

/// Asks for the row that follows [`AHEAD`] after row `i`; at the first, for all before it.
#[inline]
pub(super) fn ahead(shape: RowShape, payload: &[u8], at: &[usize], i: usize) {
    let next = if i == 0 { 1 } else { i + AHEAD };
    for &at in at.get(next..at.len().min(i + AHEAD + 1)).unwrap_or_default() {
        // Tiers take about a byte for ten words.
        if let Some(row) = payload.get(at..at + shape.tiers() + shape.dim / 8) {
            super::prefetch(row);
        }
    }
}

/// Where the two streams of tiers stand, in bits from the row's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streams {
    pub second: usize,
    pub rest: usize,
}
