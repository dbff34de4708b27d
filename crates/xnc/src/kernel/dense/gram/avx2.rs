//! Four dimensions of one tile by the sixteen of the other at a time.
use super::{Pair, TILE};
use core::arch::x86_64::*;

/// Dimensions of the first tile whose sums are in registers.
const ROWS: usize = 4;

#[target_feature(enable = "avx2")]
pub fn add(a: &[Pair], b: &[Pair], sums: &mut [i64], width: usize) {
    for (part, sums) in sums.chunks_mut(ROWS * width).enumerate().take(TILE / ROWS) {
        let mut of = [[_mm256_setzero_si256(); 2]; ROWS];
        for (a, b) in a.iter().zip(b) {
            // SAFETY: a pair of rows of a tile is two vectors.
            let b = unsafe {
                [_mm256_loadu_si256(b.as_ptr().cast()), _mm256_loadu_si256(b[8..].as_ptr().cast())]
            };
            let (fours, _) = a.as_chunks::<ROWS>();
            for (of, own) in of.iter_mut().zip(fours[part]) {
                let own = _mm256_set1_epi32(own);
                for (of, b) in of.iter_mut().zip(b) {
                    *of = _mm256_add_epi32(*of, _mm256_madd_epi16(own, b));
                }
            }
        }
        for (sums, of) in sums.chunks_mut(width).zip(of) {
            for (sums, of) in sums.chunks_mut(8).zip(of) {
                let mut dwords = [0; 8];
                // SAFETY: eight dwords are one vector.
                unsafe { _mm256_storeu_si256(dwords.as_mut_ptr().cast(), of) };
                sums.iter_mut().zip(dwords).for_each(|(sum, dword)| *sum += i64::from(dword));
            }
        }
    }
}
