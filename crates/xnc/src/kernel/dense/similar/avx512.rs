//! Sixteen rows to a vector, four dimensions of each; products of bytes are added four at a time.
use super::{Found, GROUP, Hit, Packed, QUERIES, Set, scalar};
use core::arch::x86_64::*;
use std::ops::Range;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn search(set: &Set, packed: &Packed, groups: Range<usize>, found: &mut Found<'_>) {
    for (number, g) in groups.enumerate() {
        // Two sums a query: one alone would wait for itself.
        let mut sums = [[_mm512_setzero_si512(); 2]; QUERIES];
        for (sums, &bias) in sums.iter_mut().zip(&packed.bias) {
            sums[0] = _mm512_set1_epi32(bias);
        }
        let (fours, _) = set.group(g).as_chunks::<{ GROUP * 4 }>();
        for (fours, values) in fours.chunks(2).zip(packed.values.chunks(2)) {
            for (k, (four, values)) in fours.iter().zip(values).enumerate() {
                // SAFETY: a chunk is one vector.
                let rows = unsafe { _mm512_loadu_epi8(four.as_ptr().cast()) };
                for (sums, &value) in sums.iter_mut().zip(values) {
                    sums[k] = _mm512_dpbusd_epi32(sums[k], rows, _mm512_set1_epi32(value));
                }
            }
        }
        // SAFETY: the floors of a group are one vector.
        let members = unsafe { _mm512_loadu_epi32(found.floors[1][number * GROUP..][..GROUP].as_ptr()) };
        for ((query, sums), &floor) in (found.first..).zip(sums).zip(found.floors[0]) {
            let score = _mm512_add_epi32(sums[0], sums[1]);
            let floor = _mm512_min_epi32(members, _mm512_set1_epi32(floor));
            let hit = _mm512_cmpgt_epi32_mask(_mm512_abs_epi32(score), floor);
            if hit != 0 {
                let mut scores = [0; GROUP];
                // SAFETY: sixteen dwords are one vector.
                unsafe { _mm512_storeu_epi32(scores.as_mut_ptr(), score) };
                let member = |k: usize| Hit { query, member: (g * GROUP + k) as u32, score: scores[k] };
                found.hits.extend((0..GROUP).filter(|k| hit >> k & 1 == 1).map(member));
            }
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    let ((left, rest), (right, other)) = (a.as_chunks::<64>(), b.as_chunks::<64>());
    let offset = _mm512_set1_epi8(i8::MIN);
    // Instructions multiply unsigned bytes by signed ones: `a` plus 128 by `b`, less 128 times `b`.
    let (mut sum, mut less) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for (a, b) in left.iter().zip(right) {
        // SAFETY: 64 bytes are one vector.
        let [a, b] = [a, b].map(|of| unsafe { _mm512_loadu_epi8(of.as_ptr()) });
        sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(a, offset), b);
        less = _mm512_dpbusd_epi32(less, offset, b);
    }
    _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, less)) + scalar::dot(rest, other)
}
