//! Eight rows to a vector, four dimensions of each; one broadcast of four values per query.
use super::{Found, GROUP, Packed, QUERIES, Set, scalar};
use core::arch::x86_64::*;
use std::ops::Range;

/// Fours of dimensions whose 16-bit sums cannot overflow: a pair of products is at most 2 * 63 * 31.
const RUN: usize = 8;

#[target_feature(enable = "avx2")]
pub fn search(set: &Set, packed: &Packed, groups: Range<usize>, found: &mut Found<'_>) {
    let ones = _mm256_set1_epi16(1);
    for (number, g) in groups.enumerate() {
        let mut sum = [[_mm256_setzero_si256(); 2]; QUERIES];
        for (s, &b) in sum.iter_mut().zip(&packed.bias) {
            *s = [_mm256_set1_epi32(b); 2];
        }
        for (run, p) in set.group(g).chunks(RUN * GROUP * 4).zip(packed.values.chunks(RUN)) {
            let mut part = [[_mm256_setzero_si256(); 2]; QUERIES];
            for (four, p) in run.chunks_exact(GROUP * 4).zip(p) {
                // SAFETY: a chunk is 64 bytes.
                let e = unsafe {
                    [_mm256_loadu_si256(four.as_ptr().cast()), _mm256_loadu_si256(four[32..].as_ptr().cast())]
                };
                for i in 0..QUERIES {
                    let q = _mm256_set1_epi32(p[i]);
                    part[i][0] = _mm256_add_epi16(part[i][0], _mm256_maddubs_epi16(e[0], q));
                    part[i][1] = _mm256_add_epi16(part[i][1], _mm256_maddubs_epi16(e[1], q));
                }
            }
            for i in 0..QUERIES {
                sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(part[i][0], ones));
                sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(part[i][1], ones));
            }
        }
        let mut scores = [[0; GROUP]; QUERIES];
        for (scores, sum) in scores.iter_mut().zip(sum) {
            for (scores, sum) in scores.chunks_exact_mut(8).zip(sum) {
                // SAFETY: eight dwords are one vector.
                unsafe { _mm256_storeu_si256(scores.as_mut_ptr().cast(), sum) };
            }
        }
        found.take(g, number, &scores);
    }
}

#[target_feature(enable = "avx2")]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    let mut sums = [_mm256_setzero_si256(); 2];
    let ((left, rest), (right, other)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    for (a, b) in left.iter().zip(right) {
        for (k, sum) in sums.iter_mut().enumerate() {
            // SAFETY: sixteen bytes are half a vector.
            let [a, b] = [a, b].map(|of| unsafe { _mm_loadu_si128(of[16 * k..][..16].as_ptr().cast()) });
            *sum =
                _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), _mm256_cvtepi8_epi16(b)));
        }
    }
    let mut dwords = [0i32; 8];
    // SAFETY: eight dwords are one vector.
    unsafe { _mm256_storeu_si256(dwords.as_mut_ptr().cast(), _mm256_add_epi32(sums[0], sums[1])) };
    dwords.iter().sum::<i32>() + scalar::dot(rest, other)
}
