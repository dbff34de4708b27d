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

/// Whether [`row_f32`] has a loop for this backend and shape; without one, unpack the row and use [`super::dot`].
pub fn has_f32(backend: Backend, shape: RowShape) -> bool {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => shape.tail() == 0 && shape.form == Form::Bf16 && shape.dim > 0,
        _ => false,
    }
}

/// Whether [`row_bf16`] has a loop for this backend and shape.
pub fn has_bf16(backend: Backend, shape: RowShape) -> bool {
    match backend.0 {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => has_f32(backend, shape),
        _ => false,
    }
}

/// The coded row that `row` begins with, times `x`: activations times their column's bias, as [`super::dot::arrange`] orders them.
///
/// # Panics
/// If `row` is shorter than [`RowShape::reach`], `x` has another length, or [`has_f32`] is false.
#[inline]
pub fn row_f32(backend: Backend, shape: RowShape, upper: &[u8; 16], row: &[u8], x: &[f32]) -> f32 {
    assert!(has_f32(backend, shape) && row.len() >= shape.reach() && x.len() == shape.dim);
    match backend.0 {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::row_f32(shape, upper, row, x) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::row_f32(shape, upper, row, x) },
        _ => unreachable!("has_f32"),
    }
}

/// As [`row_f32`], for BF16 activations.
///
/// # Panics
/// As [`row_f32`], with [`has_bf16`].
#[inline]
pub fn row_bf16(backend: Backend, shape: RowShape, upper: &[u8; 16], row: &[u8], x: &[u16]) -> f32 {
    assert!(has_bf16(backend, shape) && row.len() >= shape.reach() && x.len() == shape.dim);
    match backend.0 {
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => unsafe { avx512::row_bf16(shape, upper, row, x) },
        _ => unreachable!("has_bf16"),
    }
}
