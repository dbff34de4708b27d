//! The plain twin of a batch: rows of uncompressed words times several vectors, each row read once for all of
//! them. Every vector's results are those of [`super::rows_f32`] and [`super::rows_bf16`], bit for bit.
//!
//! Activations lie group by group, those of all vectors for one group together, so that a loop that goes along
//! a row goes along its activations, too.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(in crate::kernel) mod avx512;
mod scalar;

use super::{GROUP, Order, padded};
use crate::dtype::Dtype;
use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// The most vectors that one call takes.
pub const MOST: usize = 8;

/// Puts whole vectors of `dim` F32 activations in the order in which [`rows_f32`] takes them on this backend.
///
/// # Panics
/// If `out` does not hold as many vectors, [`padded`].
pub fn arrange_f32(backend: Backend, dtype: Dtype, dim: usize, x: &[f32], out: &mut [f32]) {
    interleave(Order::of(backend, dtype), dim, x, out);
}

/// As [`arrange_f32`], of BF16 activations for [`rows_bf16`].
///
/// # Panics
/// As [`arrange_f32`].
pub fn arrange_bf16(dim: usize, x: &[u16], out: &mut [u16]) {
    interleave(Order { register: 1 }, dim, x, out);
}

fn interleave<T: Copy + Default>(order: Order, dim: usize, x: &[T], out: &mut [T]) {
    let vectors = x.len() / dim.max(1);
    assert!(x.len() == vectors * dim && out.len() == vectors * padded(dim));
    for (place, group) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
        let (first, vector) = (place / vectors * GROUP, &x[place % vectors * dim..][..dim]);
        for (i, slot) in group.iter_mut().enumerate() {
            *slot = vector.get(first + order.column(i)).copied().unwrap_or_default();
        }
    }
}

/// `out[v][r]` is row `r` of `rows` times vector `v`; `rows` holds as many rows of `dim` words as each part of
/// `out` takes. `x` is what [`arrange_f32`] made of `out.len()` vectors, [`MOST`] at most. Memory is asked for
/// `ahead` bytes ahead, which changes no result.
///
/// # Panics
/// If lengths differ.
pub fn rows_f32(
    backend: Backend,
    dtype: Dtype,
    rows: &[u8],
    dim: usize,
    x: &[f32],
    ahead: usize,
    out: &mut [&mut [f32]],
) {
    check(rows, dim, x.len(), out);
    if dim == 0 || out.is_empty() {
        return out.iter_mut().for_each(|out| out.fill(0.0));
    }
    let x = x.as_chunks().0;
    match (backend.0, dtype) {
        (Isa::Scalar, Dtype::Bf16 | Dtype::F16) => scalar::rows_f32(dtype, rows, dim, x, ahead, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Dtype::Bf16) => unsafe { avx2::bf16_rows(rows, dim, x, ahead, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Dtype::F16) => unsafe { avx2::f16_rows(rows, dim, x, ahead, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Dtype::Bf16) => unsafe { avx512::bf16_rows(rows, dim, x, ahead, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Dtype::F16) => unsafe { avx512::f16_rows(rows, dim, x, ahead, out) },
    }
}

/// As [`rows_f32`], of BF16 words times BF16 activations, which [`arrange_bf16`] made.
///
/// # Panics
/// If lengths differ.
pub fn rows_bf16(backend: Backend, rows: &[u8], dim: usize, x: &[u16], ahead: usize, out: &mut [&mut [f32]]) {
    check(rows, dim, x.len(), out);
    if dim == 0 || out.is_empty() {
        return out.iter_mut().for_each(|out| out.fill(0.0));
    }
    let x = x.as_chunks().0;
    match backend.0 {
        Isa::Scalar => scalar::pair_rows(rows, dim, x, ahead, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => unsafe { avx512::pair_rows(rows, dim, x, ahead, out) },
        // AVX-512 without `vdpbf16ps` takes AVX2's emulation of it.
        // SAFETY: as above; AVX-512's machines have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { bf16: false } => unsafe { avx2::pair_rows(rows, dim, x, ahead, out) },
    }
}

fn check(rows: &[u8], dim: usize, activations: usize, out: &[&mut [f32]]) {
    assert!(out.len() <= MOST && activations == out.len() * padded(dim));
    assert!(out.iter().all(|out| 2 * dim * out.len() == rows.len() || dim == 0));
}

#[cfg(test)]
mod tests;
