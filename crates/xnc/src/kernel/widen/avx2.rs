//! F16C.

use std::arch::x86_64::*;

use super::scalar;
use crate::dtype::Dtype;

#[target_feature(enable = "avx2,f16c")]
pub(super) fn f16_to_f32(words: &[u16], out: &mut [f32]) {
    let ((words, rest), (out, out_rest)) = (words.as_chunks::<8>(), out.as_chunks_mut::<8>());
    for (words, out) in words.iter().zip(out) {
        // SAFETY: eight words are sixteen bytes, eight floats 32.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(words.as_ptr().cast())))
        };
    }
    scalar::to_f32(Dtype::F16, rest, out_rest);
}

#[target_feature(enable = "avx2,f16c")]
pub(super) fn to_f16(words: &mut [u16]) {
    let (words, rest) = words.as_chunks_mut::<8>();
    for words in words {
        let pointer: *mut __m128i = words.as_mut_ptr().cast();
        // SAFETY: eight words are sixteen bytes.
        let wide = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(unsafe { _mm_loadu_si128(pointer) }));
        let cast = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_castsi256_ps(wide));
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(pointer, cast) };
    }
    scalar::to_f16(rest);
}
