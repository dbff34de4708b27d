//! Eight dimensions of one tile by the sixteen of the other at a time, of which products are added as they are formed.
use super::{Pair, TILE};
use core::arch::x86_64::*;

/// Dimensions of the first tile whose sums are in registers.
const ROWS: usize = 8;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn add(a: &[Pair], b: &[Pair], sums: &mut [i64], width: usize) {
    for (part, sums) in sums.chunks_mut(ROWS * width).enumerate().take(TILE / ROWS) {
        let mut of = [_mm512_setzero_si512(); ROWS];
        for (a, b) in a.iter().zip(b) {
            // SAFETY: a pair of rows of a tile is one vector.
            let b = unsafe { _mm512_loadu_epi32(b.as_ptr()) };
            let (eights, _) = a.as_chunks::<ROWS>();
            for (of, &own) in of.iter_mut().zip(&eights[part]) {
                *of = _mm512_dpwssd_epi32(*of, _mm512_set1_epi32(own), b);
            }
        }
        for (sums, of) in sums.chunks_mut(width).zip(of) {
            let mut dwords = [0; TILE];
            // SAFETY: sixteen dwords are one vector.
            unsafe { _mm512_storeu_epi32(dwords.as_mut_ptr(), of) };
            sums.iter_mut().zip(dwords).for_each(|(sum, dword)| *sum += i64::from(dword));
        }
    }
}
