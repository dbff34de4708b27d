//! AVX-512, with `vdpbf16ps` where the machine has it.

use std::arch::x86_64::*;

use super::{GROUP, READ, filled};

/// Adds the 32 lanes of F32 activations, in a register of the even words and one of the odd ones.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn sum(lane: [__m512; 2]) -> f32 {
    let fold = |lane: __m512| {
        let high =
            _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xee>(_mm512_castps_pd(lane), _mm512_castps_pd(lane)));
        _mm256_add_ps(_mm512_castps512_ps256(lane), _mm512_castps512_ps256(high))
    };
    halves(_mm256_add_ps(fold(lane[0]), fold(lane[1])))
}

/// Adds the 32 lanes of word pairs.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn sum_pairs(lane: [__m512; 2]) -> f32 {
    let a = _mm512_add_ps(lane[0], lane[1]);
    let high = _mm512_castpd_ps(_mm512_shuffle_f64x2::<0xee>(_mm512_castps_pd(a), _mm512_castps_pd(a)));
    halves(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_castps512_ps256(high)))
}

/// Adds eight lanes: 4, 2, 1 apart.
#[inline]
#[target_feature(enable = "avx")]
fn halves(b: __m256) -> f32 {
    let c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps::<1>(b));
    let d = _mm_add_ps(c, _mm_movehl_ps(c, c));
    _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps::<1>(d, d)))
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(words: &[u8; 2 * GROUP], at: usize) -> __m512i {
    let part: &[u8; 64] = words[at..at + 64].try_into().expect("64 bytes");
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
}

/// The BF16 activations of words 0 or 32 on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_bf16(x: &[u16; GROUP], at: usize) -> __m512i {
    let part: &[u16; 32] = x[at..at + 32].try_into().expect("32 words");
    // SAFETY: 32 words are 64 bytes.
    unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_f32(x: &[f32; GROUP], at: usize) -> __m512 {
    let part: &[f32; 16] = x[at..at + 16].try_into().expect("sixteen floats");
    // SAFETY: sixteen floats are 64 bytes.
    unsafe { _mm512_loadu_ps(part.as_ptr()) }
}

/// Multiplies a register of BF16 words with the activations of its even and its odd words.
#[inline]
#[target_feature(enable = "avx512f")]
fn step(words: __m512i, x: &[f32; GROUP], at: usize, lane: [__m512; 2]) -> [__m512; 2] {
    let odd = _mm512_and_si512(words, _mm512_set1_epi32(0xffff_0000_u32.cast_signed()));
    [
        _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)), load_f32(x, at), lane[0]),
        _mm512_fmadd_ps(_mm512_castsi512_ps(odd), load_f32(x, at + 16), lane[1]),
    ]
}

/// Multiplies a register of BF16 words with as many activations, in pairs.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn pair_step(words: __m512i, x: __m512i, lane: __m512) -> __m512 {
    // SAFETY: 32 words, whatever type names them.
    let pairs = |words: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(words) };
    _mm512_dpbf16_ps(lane, pairs(words), pairs(x))
}

/// Asks for the cache lines of a group that lies `AHEAD` bytes on.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch<const AHEAD: usize>(words: &[u8; 2 * GROUP]) {
    if AHEAD > 0 {
        let ahead = words.as_ptr().wrapping_add(AHEAD).cast();
        _mm_prefetch::<_MM_HINT_T0>(ahead);
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64));
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn bf16_rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[f32], out: &mut [f32]) {
    let x = x.as_chunks::<GROUP>().0;
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [_mm512_setzero_ps(); 2];
        let mut group = |words: &[u8; 2 * GROUP], x: &[f32; GROUP]| {
            lane = step(load(words, 0), x, 0, lane);
            lane = step(load(words, 64), x, 32, lane);
        };
        let (groups, tail) = row.as_chunks();
        for (words, x) in groups.iter().zip(x) {
            prefetch::<AHEAD>(words);
            group(words, x);
        }
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum(lane);
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn pair_rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[u16], out: &mut [f32]) {
    let x = x.as_chunks::<GROUP>().0;
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [_mm512_setzero_ps(); 2];
        let mut group = |words: &[u8; 2 * GROUP], x: &[u16; GROUP]| {
            lane[0] = pair_step(load(words, 0), load_bf16(x, 0), lane[0]);
            lane[1] = pair_step(load(words, 64), load_bf16(x, 32), lane[1]);
        };
        let (groups, tail) = row.as_chunks();
        for (words, x) in groups.iter().zip(x) {
            prefetch::<AHEAD>(words);
            group(words, x);
        }
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum_pairs(lane);
    }
}

/// Eight registers, so that no load waits for one before it.
#[target_feature(enable = "avx512f")]
pub(super) fn read(passes: &[[u8; READ]], ahead: usize) -> u64 {
    let mut sums = [_mm512_setzero_si512(); 8];
    for pass in passes {
        if ahead > 0 {
            for line in 0..READ / 64 {
                _mm_prefetch::<_MM_HINT_T0>(pass.as_ptr().wrapping_add(ahead + 64 * line).cast());
            }
        }
        for (i, part) in pass.as_chunks::<64>().0.iter().enumerate() {
            // SAFETY: 64 bytes.
            let words = unsafe { _mm512_loadu_si512(part.as_ptr().cast()) };
            sums[i % 8] = _mm512_xor_si512(sums[i % 8], words);
        }
    }
    let mut words = [[0_u64; 8]; 8];
    for (words, sum) in words.iter_mut().zip(sums) {
        // SAFETY: 64 bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), sum) };
    }
    words.as_flattened().iter().fold(0, |a, b| a ^ b)
}
