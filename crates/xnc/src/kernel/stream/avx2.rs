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
        // SAFETY: lines are that long, and begin at multiples of 64 bytes where they go.
        unsafe { line(from.as_ptr().cast(), to.as_mut_ptr().cast()) }
    }
    last.copy_from_slice(from_last);
}

/// # Safety
/// A line can be read, and one written, which begins at a multiple of 64 bytes. A fence is to follow.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn line(from: *const __m256i, to: *mut __m256i) {
    // SAFETY: as the caller promises; a line is two registers long.
    unsafe {
        let halves = [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))];
        _mm256_stream_si256(to, halves[0]);
        _mm256_stream_si256(to.add(1), halves[1]);
    }
}
