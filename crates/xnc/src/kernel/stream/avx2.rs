//! AVX2: two stores that go around the caches fill a line.

use std::arch::x86_64::*;

/// Words in a cache line.
const LINE: usize = 32;

/// A fence is to follow.
#[target_feature(enable = "avx2")]
pub(super) fn copy(from: &[u16], to: &mut [u16]) {
    let head = to.as_ptr().align_offset(64).min(to.len());
    let (first, lines) = to.split_at_mut(head);
    first.copy_from_slice(&from[..head]);
    let (lines, last) = lines.as_chunks_mut::<LINE>();
    let (from, from_last) = from[head..].as_chunks::<LINE>();
    for (from, to) in from.iter().zip(lines) {
        // SAFETY: a line is two registers long, and begins at a multiple of 64 bytes, as these stores ask
        // for.
        unsafe {
            let (from, to) = (from.as_ptr().cast::<__m256i>(), to.as_mut_ptr().cast::<__m256i>());
            let halves = [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))];
            _mm256_stream_si256(to, halves[0]);
            _mm256_stream_si256(to.add(1), halves[1]);
        }
    }
    last.copy_from_slice(from_last);
}
