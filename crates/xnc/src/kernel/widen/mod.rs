//! Words to their values, and the BF16 words of FP16 values to the FP16 words that they stand for.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

#[cfg(target_arch = "aarch64")]
pub(super) use neon::{f16_values, f16_words};

use super::Backend;
use super::backend::Isa;
use crate::dtype::Dtype;

/// Writes the exact values of `words`.
///
/// # Panics
/// If lengths differ.
pub fn to_f32(backend: Backend, dtype: Dtype, words: &[u16], out: &mut [f32]) {
    assert_eq!(words.len(), out.len());
    match (backend.0, dtype) {
        (Isa::Scalar, Dtype::Bf16 | Dtype::F16) => scalar::to_f32(dtype, words, out),
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Dtype::Bf16) => scalar::to_f32(dtype, words, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, Dtype::F16) => unsafe { neon::f16_to_f32(words, out) },
        // A shift: the compiler makes vectors of the portable loop.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Dtype::Bf16) => scalar::to_f32(dtype, words, out),
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2 | Isa::Avx512 { .. }, Dtype::F16) => unsafe { avx2::f16_to_f32(words, out) },
    }
}

/// Replaces FP16 words by BF16 words: widened, then the upper 16 bits.
pub fn to_bf16(backend: Backend, words: &mut [u16]) {
    match backend.0 {
        Isa::Scalar => scalar::to_bf16(words),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => unsafe { neon::to_bf16(words) },
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::to_bf16(words) },
    }
}

/// Replaces BF16 words by the FP16 words of the same value, rounded to nearest even.
pub fn to_f16(backend: Backend, words: &mut [u16]) {
    match backend.0 {
        Isa::Scalar => scalar::to_f16(words),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => unsafe { neon::to_f16(words) },
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::to_f16(words) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_agree_on_every_word() {
        let words: Vec<u16> = (0..=u16::MAX).chain([0x3f80; 13]).collect();
        for backend in Backend::every_kind() {
            for dtype in [Dtype::Bf16, Dtype::F16] {
                let mut values = vec![0.0; words.len()];
                to_f32(backend, dtype, &words, &mut values);
                for (&word, value) in words.iter().zip(values) {
                    assert_eq!(
                        value.to_bits(),
                        dtype.to_f32(word).to_bits(),
                        "{backend:?} {dtype} {word:#06x}"
                    );
                }
            }
            let mut cast = words.clone();
            to_bf16(backend, &mut cast);
            for (&word, cast) in words.iter().zip(cast) {
                assert_eq!(cast, crate::dtype::f16_to_bf16(word), "{backend:?} {word:#06x}");
            }
            let mut cast = words.clone();
            to_f16(backend, &mut cast);
            for (&word, cast) in words.iter().zip(cast) {
                assert_eq!(cast, crate::dtype::bf16_to_f16(word), "{backend:?} {word:#06x}");
            }
        }
    }
}
