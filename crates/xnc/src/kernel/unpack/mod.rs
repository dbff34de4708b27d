//! A coded row to its words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod scalar;

use super::Backend;
#[cfg(target_arch = "x86_64")]
use super::backend::Isa;
use super::row::{Form, GROUP, RowShape, Symbols};

/// Writes the words of the coded row that `row` begins with. Its first byte is skipped; what lies behind the row is read and ignored.
/// Any bytes give some words.
///
/// # Panics
/// If `row` is shorter than [`RowShape::reach`], or `out` or the bias is not `dim` long.
#[inline]
pub fn row(backend: Backend, shape: RowShape, symbols: Symbols<'_>, row: &[u8], out: &mut [u16]) {
    assert!(row.len() >= shape.reach() && out.len() == shape.dim && symbols.bias.len() == shape.dim);
    let after = match (backend.0, shape.form) {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Form::Bf16) => unsafe { avx2::groups_to_words::<false>(shape, symbols, row, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Form::F16) => unsafe {
            avx2::groups_to_words::<true>(shape, symbols, row, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Form::Bf16) => unsafe { avx512::groups_to_words(shape, symbols, row, out) },
        _ => scalar::groups_to_words(shape, symbols, row, out),
    };
    if shape.tail() > 0 {
        scalar::tail_to_words(shape, symbols, row, after, &mut out[shape.groups() * GROUP..]);
    }
}

/// Where the two streams of tiers stand, in bits from the row's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Streams {
    pub second: usize,
    pub rest: usize,
}
