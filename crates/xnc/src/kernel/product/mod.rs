//! A coded row times activations, without the row ever being written: what [`super::dot`] gives on its words.
//!
//! Biases are left out of the loop: a column's bias is a power of two, and the caller has multiplied the activations with them. That changes
//! no bit while products and sums are of normal numbers, so callers use this only where every word that the codes can stand for,
//! with and without its bias, is a normal number, and where every activation stays exact.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use super::Backend;
#[cfg(target_arch = "x86_64")]
use super::backend::Isa;
#[cfg(target_arch = "x86_64")]
use super::row::Form;
use super::row::RowShape;

/// Whether [`rows_f32`] has a loop for this backend and shape; without one, unpack the row and use [`super::dot`].
pub fn has_f32(backend: Backend, shape: RowShape) -> bool {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => shape.tail() == 0 && shape.form == Form::Bf16 && shape.dim > 0,
        _ => false,
    }
}

/// Whether [`rows_bf16`] has a loop for this backend and shape.
pub fn has_bf16(backend: Backend, shape: RowShape) -> bool {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => has_f32(backend, shape),
        _ => false,
    }
}

/// Of the coded rows that begin at `at` in `payload`, those whose first byte is zero: `out` becomes the row times `x`, which is activations
/// times their column's bias as [`super::dot::arrange`] orders them. Other rows are left to the caller.
///
/// # Panics
/// If a row is nearer than [`RowShape::reach`] to the end of `payload`, lengths differ, or [`has_f32`] is false.
pub fn rows_f32(
    backend: Backend,
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    assert!(has_f32(backend, shape) && at.len() == out.len() && x.len() == shape.dim);
    match backend.0 {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::rows_f32(shape, upper, payload, at, x, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::rows_f32(shape, upper, payload, at, x, out) },
        _ => unreachable!("has_f32"),
    }
}

/// As [`rows_f32`], for BF16 activations.
///
/// # Panics
/// As [`rows_f32`], with [`has_bf16`].
pub fn rows_bf16(
    backend: Backend,
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[u16],
    out: &mut [f32],
) {
    assert!(has_bf16(backend, shape) && at.len() == out.len() && x.len() == shape.dim);
    match backend.0 {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => unsafe { avx512::rows_bf16(shape, upper, payload, at, x, out) },
        _ => unreachable!("has_bf16"),
    }
}
