//! Eight rows to a vector, four dimensions of each; one broadcast of four innovations per query.
use super::{Best, GROUP, QUERIES, Set, packed};
use core::arch::x86_64::*;
use std::ops::Range;

/// Fours of dimensions whose 16-bit sums cannot overflow: a pair of products is at most 2 * 63 * 31.
const RUN: usize = 8;

#[target_feature(enable = "avx2")]
pub fn search(set: &Set, groups: Range<usize>, queries: &[&[i8]], best: &mut [Best]) {
    let (packed, bias) = packed(set.stride, queries);
    let ones = _mm256_set1_epi16(1);
    for g in groups {
        let mut sum = [[_mm256_setzero_si256(); 2]; QUERIES];
        for (s, &b) in sum.iter_mut().zip(&bias) {
            *s = [_mm256_set1_epi32(b); 2];
        }
        let group = &set.bytes[g * GROUP * set.stride..][..GROUP * set.stride];
        for (run, p) in group.chunks(RUN * GROUP * 4).zip(packed.chunks(RUN)) {
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
        for (i, b) in best.iter_mut().enumerate() {
            for (h, sum) in sum[i].iter().enumerate() {
                let at = g * GROUP + h * 8;
                // SAFETY: `reciprocal` holds sixteen values per group.
                let r = unsafe { _mm256_loadu_ps(set.reciprocal[at..][..8].as_ptr()) };
                let score = _mm256_mul_ps(_mm256_cvtepi32_ps(*sum), r);
                let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), score);
                let mut hit =
                    _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(magnitude, _mm256_set1_ps(b.floor)));
                if hit != 0 {
                    let mut s = [0f32; 8];
                    // SAFETY: eight values are one vector.
                    unsafe { _mm256_storeu_ps(s.as_mut_ptr(), score) };
                    while hit != 0 {
                        let k = hit.trailing_zeros() as usize;
                        b.offer(s[k], (at + k) as u32);
                        hit &= hit - 1;
                    }
                }
            }
        }
    }
}
