//! The plain twin: rows of uncompressed words times one vector of activations. What it computes defines every
//! product.
//!
//! With F32 activations there are 32 lanes, lane `l` takes the words `w` of a row with `w % 32 == l` in
//! order, one fused multiply-add each, from +0. Then `a[l] = lane[l] + lane[l + 16]`, `b[j] = a[2j] + a[2j +
//! 1]`, `c[j] = b[j] + b[j + 4]`, `d[j] = c[j] + c[j + 2]`, and the result is `d[0] + d[1]`.
//!
//! With BF16 activations there are 32 lanes of word pairs, as `vdpbf16ps` has them: lane `l` takes words `2l`
//! and `2l + 1` of each 64, the odd one first; subnormal inputs and results count as zero. Lanes are added in
//! halves: 16, 8, 4, 2, 1 apart.
//!
//! In both, a row is filled with zero words, and the activations with zeros, to a multiple of 64.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod batch;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod scalar;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::sum as sum_avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::{sum as sum_avx512, sum_pairs as sum_pairs_avx512};

use super::Backend;
use super::backend::Isa;
use crate::dtype::Dtype;

/// Words that a loop takes in one pass: rows are filled to a multiple of it.
pub const GROUP: usize = 64;

/// Length of a padded row: `dim` filled to whole groups.
pub const fn padded(dim: usize) -> usize {
    dim.next_multiple_of(GROUP)
}

/// Distances, in bytes, at which the plain product can ask for words ahead; 0 leaves that to the machine.
pub const AHEAD: [usize; 6] = [0, 512, 2048, 4096, 8192, 16384];

/// Puts activations in the order in which [`rows_f32`] and [`super::product`] take them on this backend.
///
/// # Panics
/// If `out` is not [`padded`] long.
pub fn arrange(backend: Backend, dtype: Dtype, x: &[f32], out: &mut [f32]) {
    assert_eq!(out.len(), padded(x.len()));
    let order = Order::of(backend, dtype);
    for (i, slot) in out.iter_mut().enumerate() {
        *slot = x.get(order.column(i)).copied().unwrap_or(0.0);
    }
}

/// The order in which loops take activations: words of a register, even ones first.
#[derive(Clone, Copy)]
struct Order {
    register: usize,
}

impl Order {
    fn of(backend: Backend, dtype: Dtype) -> Order {
        // A register of BF16 words falls into its even and its odd words.
        let register = match (backend.0, dtype) {
            (Isa::Scalar, Dtype::Bf16 | Dtype::F16) => 1,
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon { .. }, Dtype::Bf16) => 8,
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon { .. }, Dtype::F16) => 1,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Dtype::Bf16) => 16,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, Dtype::Bf16) => 32,
            // FP16 words are widened in order.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2 | Isa::Avx512 { .. }, Dtype::F16) => 1,
        };
        Order { register }
    }

    /// Which activation stands at place `i`.
    fn column(self, i: usize) -> usize {
        let (at, half) = (i % self.register, self.register.div_ceil(2));
        i - at + if at < half { 2 * at } else { 2 * (at - half) + 1 }
    }
}

/// Calls a loop that asks for words `$ahead` bytes on, one of [`AHEAD`].
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! with_ahead {
    ($ahead:expr, $isa:ident::$rows:ident $arguments:tt) => {
        match $ahead {
            512 => $isa::$rows::<512> $arguments,
            2048 => $isa::$rows::<2048> $arguments,
            4096 => $isa::$rows::<4096> $arguments,
            8192 => $isa::$rows::<8192> $arguments,
            16384 => $isa::$rows::<16384> $arguments,
            _ => $isa::$rows::<0> $arguments,
        }
    };
}

/// `out[r]` is row `r` of `rows` times `x`, which [`arrange`] made; `rows` holds `out.len()` rows of `dim`
/// words. `ahead` is one of [`AHEAD`] and changes no result.
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
    out: &mut [f32],
) {
    assert!(rows.len() == 2 * dim * out.len() && x.len() == padded(dim));
    if dim == 0 {
        return out.fill(0.0);
    }
    match (backend.0, dtype) {
        (Isa::Scalar, Dtype::Bf16 | Dtype::F16) => scalar::rows_f32(dtype, rows, dim, x, ahead, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Dtype::Bf16) => unsafe { with_ahead!(ahead, neon::bf16_rows(rows, dim, x, out)) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Dtype::F16) => unsafe { with_ahead!(ahead, neon::f16_rows(rows, dim, x, out)) },
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Dtype::Bf16) => unsafe { with_ahead!(ahead, avx2::bf16_rows(rows, dim, x, out)) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, Dtype::Bf16) => unsafe {
            with_ahead!(ahead, avx512::bf16_rows(rows, dim, x, out))
        },
        // AVX-512 takes AVX2's loop.
        // SAFETY: as above; AVX-512's machines have AVX2.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Dtype::F16) => unsafe {
            with_ahead!(ahead, avx2::f16_rows(rows, dim, x, out))
        },
    }
}

/// `out[r]` is row `r` of BF16 words times the BF16 activations `x`, which are [`padded`] with zeros. `ahead`
/// is as in [`rows_f32`].
///
/// # Panics
/// If lengths differ.
pub fn rows_bf16(backend: Backend, rows: &[u8], dim: usize, x: &[u16], ahead: usize, out: &mut [f32]) {
    assert!(rows.len() == 2 * dim * out.len() && x.len() == padded(dim));
    if dim == 0 {
        return out.fill(0.0);
    }
    match backend.0 {
        Isa::Scalar => scalar::pair_rows(rows, dim, x, ahead, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { bf16, .. } => unsafe { with_ahead!(ahead, neon::pair_rows(rows, dim, x, bf16, out)) },
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { bf16: true } => unsafe { with_ahead!(ahead, avx512::pair_rows(rows, dim, x, out)) },
        // AVX-512 without `vdpbf16ps` takes AVX2's emulation of it.
        // SAFETY: as above; AVX-512's machines have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { bf16: false } => unsafe {
            with_ahead!(ahead, avx2::pair_rows(rows, dim, x, out))
        },
    }
}

/// Bytes that a loop which only reads takes in one pass.
const READ: usize = 512;

/// All bytes as little-endian words of 64 bits, zeros after the last, each `xor` the others: no product, but
/// what bounds every product, for reading is all that it does. Memory is asked for `ahead` bytes ahead; 0
/// leaves that to the machine.
pub fn read(backend: Backend, bytes: &[u8], ahead: usize) -> u64 {
    let (passes, tail) = bytes.as_chunks();
    let all = match backend.0 {
        Isa::Scalar => scalar::read(passes),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => scalar::read(passes),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::read(passes, ahead) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::read(passes, ahead) },
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = ahead;
    let mut last = [0; READ];
    last[..tail.len()].copy_from_slice(tail);
    all ^ scalar::read(&[last])
}

/// The words of a row after its last full group, filled with zeros.
fn filled(tail: &[u8]) -> [u8; 2 * GROUP] {
    let mut group = [0; 2 * GROUP];
    group[..tail.len()].copy_from_slice(tail);
    group
}

#[cfg(test)]
mod tests;
