//! AVX2 with FMA and F16C.

use std::arch::x86_64::*;

use super::{GROUP, READ, filled};

/// Adds the 32 lanes of F32 activations, in registers of the even words 0 to 14, the odd ones 1 to 15, and
/// the same 16 on; or those of word pairs, in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel) fn sum(lane: [__m256; 4]) -> f32 {
    let a = [_mm256_add_ps(lane[0], lane[2]), _mm256_add_ps(lane[1], lane[3])];
    halves(_mm256_add_ps(a[0], a[1]))
}

/// Adds eight lanes: 4, 2, 1 apart.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(b: __m256) -> f32 {
    let c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps::<1>(b));
    let d = _mm_add_ps(c, _mm_movehl_ps(c, c));
    _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps::<1>(d, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(words: &[u8; 2 * GROUP], at: usize) -> __m256i {
    let part: &[u8; 32] = words[at..at + 32].try_into().expect("32 bytes");
    // SAFETY: 32 bytes.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_f32(x: &[f32; GROUP], at: usize) -> __m256 {
    let part: &[f32; 8] = x[at..at + 8].try_into().expect("eight floats");
    // SAFETY: eight floats are 32 bytes.
    unsafe { _mm256_loadu_ps(part.as_ptr()) }
}

/// Multiplies a register of BF16 words with the activations of its even and its odd words.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn step(words: __m256i, x: &[f32; GROUP], at: usize, lane: [__m256; 2]) -> [__m256; 2] {
    let odd = _mm256_and_si256(words, _mm256_set1_epi32(0xffff_0000_u32.cast_signed()));
    [
        _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(words)), load_f32(x, at), lane[0]),
        _mm256_fmadd_ps(_mm256_castsi256_ps(odd), load_f32(x, at + 8), lane[1]),
    ]
}

/// Asks for the cache lines of a group that lies `AHEAD` bytes on.
#[inline]
#[target_feature(enable = "avx2")]
fn prefetch<const AHEAD: usize>(words: &[u8; 2 * GROUP]) {
    if AHEAD > 0 {
        let ahead = words.as_ptr().wrapping_add(AHEAD).cast();
        _mm_prefetch::<_MM_HINT_T0>(ahead);
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64));
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn bf16_rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[f32], out: &mut [f32]) {
    let x = x.as_chunks::<GROUP>().0;
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let [mut a, mut b] = [[_mm256_setzero_ps(); 2]; 2];
        let mut group = |words: &[u8; 2 * GROUP], x: &[f32; GROUP]| {
            a = step(load(words, 0), x, 0, a);
            b = step(load(words, 32), x, 16, b);
            a = step(load(words, 64), x, 32, a);
            b = step(load(words, 96), x, 48, b);
        };
        let (groups, tail) = row.as_chunks();
        for (words, x) in groups.iter().zip(x) {
            prefetch::<AHEAD>(words);
            group(words, x);
        }
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum([a[0], a[1], b[0], b[1]]);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn f16_rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[f32], out: &mut [f32]) {
    let x = x.as_chunks::<GROUP>().0;
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [_mm256_setzero_ps(); 4];
        let mut group = |words: &[u8; 2 * GROUP], x: &[f32; GROUP]| {
            for i in 0..4 {
                let words = load(words, 32 * i);
                let values = [_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)];
                for (half, words) in values.into_iter().enumerate() {
                    let lane = &mut lane[2 * (i % 2) + half];
                    *lane = _mm256_fmadd_ps(_mm256_cvtph_ps(words), load_f32(x, 16 * i + 8 * half), *lane);
                }
            }
        };
        let (groups, tail) = row.as_chunks();
        for (words, x) in groups.iter().zip(x) {
            prefetch::<AHEAD>(words);
            group(words, x);
        }
        if !tail.is_empty() {
            group(&filled(tail), &x[groups.len()]);
        }
        *out = sum_in_order(lane);
    }
}

/// Adds the 32 lanes that lie in order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum_in_order(lane: [__m256; 4]) -> f32 {
    // Registers hold eight lanes in order, so neighbours are added inside them.
    let a = [_mm256_add_ps(lane[0], lane[2]), _mm256_add_ps(lane[1], lane[3])];
    let b = _mm256_hadd_ps(a[0], a[1]);
    // b: 0 1 4 5 | 2 3 6 7
    let (low, high) = (_mm256_castps256_ps128(b), _mm256_extractf128_ps::<1>(b));
    let c01 = _mm_add_ps(low, _mm_movehl_ps(low, low));
    let c23 = _mm_add_ps(high, _mm_movehl_ps(high, high));
    let d = _mm_add_ps(c01, c23);
    _mm_cvtss_f32(_mm_add_ss(d, _mm_shuffle_ps::<1>(d, d)))
}

/// Control word of `vdpbf16ps`: all exceptions masked, nearest even, subnormal inputs and results as zero.
pub(in crate::kernel) const SUBNORMALS_AS_ZERO: u32 = 0x9fc0;

#[target_feature(enable = "avx2,fma")]
pub(super) fn pair_rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[u16], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        let mut lane = [0.0; 32];
        let (groups, tail) = row.as_chunks::<{ 2 * GROUP }>();
        let (x, x_tail) = x.as_chunks().0.split_at(groups.len());
        groups.iter().for_each(|words| prefetch::<AHEAD>(words));
        pairs(groups, x, 1, &mut lane);
        if !tail.is_empty() {
            pairs(&[filled(tail)], x_tail, 1, &mut lane);
        }
        *out = sum_pairs(&lane);
    }
}

/// Adds the 32 lanes of word pairs.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum_pairs(lane: &[f32; 32]) -> f32 {
    // SAFETY: 32 floats.
    let load = |at: usize| unsafe { _mm256_loadu_ps(lane[at..at + 8].as_ptr()) };
    sum([load(0), load(8), load(16), load(24)])
}

/// Goes on with the 32 lanes of word pairs over groups, each with every `every`-th group of activations.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn pairs(words: &[[u8; 2 * GROUP]], x: &[[u16; GROUP]], every: usize, lane: &mut [f32; 32]) {
    if words.is_empty() {
        return;
    }
    assert!((words.len() - 1) * every < x.len());
    let mut before = 0_u32;
    // SAFETY: reads `words` to their end and `x` to the group that was just asserted to be there, 128 bytes of each a
    // turn, and the lanes; `x` is not read where it points after the last turn. In assembly because the
    // compiler may assume the ordinary control word everywhere else; it is put back before the block ends.
    unsafe {
        std::arch::asm!(
            "stmxcsr [{before}]",
            "ldmxcsr [{control}]",
            "vmovups ymm0, [{lane}]",
            "vmovups ymm1, [{lane} + 32]",
            "vmovups ymm2, [{lane} + 64]",
            "vmovups ymm3, [{lane} + 96]",
            "vpcmpeqd ymm12, ymm12, ymm12",
            "vpslld ymm12, ymm12, 16",
            "2:",
            "vmovdqu ymm4, [{words}]",
            "vmovdqu ymm5, [{words} + 32]",
            "vmovdqu ymm6, [{words} + 64]",
            "vmovdqu ymm7, [{words} + 96]",
            "vpand ymm8, ymm4, ymm12",
            "vpand ymm9, ymm12, [{x}]",
            "vfmadd231ps ymm0, ymm8, ymm9",
            "vpand ymm8, ymm5, ymm12",
            "vpand ymm9, ymm12, [{x} + 32]",
            "vfmadd231ps ymm1, ymm8, ymm9",
            "vpand ymm8, ymm6, ymm12",
            "vpand ymm9, ymm12, [{x} + 64]",
            "vfmadd231ps ymm2, ymm8, ymm9",
            "vpand ymm8, ymm7, ymm12",
            "vpand ymm9, ymm12, [{x} + 96]",
            "vfmadd231ps ymm3, ymm8, ymm9",
            "vmovdqu ymm8, [{x}]",
            "vmovdqu ymm9, [{x} + 32]",
            "vmovdqu ymm10, [{x} + 64]",
            "vmovdqu ymm11, [{x} + 96]",
            "vpslld ymm4, ymm4, 16",
            "vpslld ymm5, ymm5, 16",
            "vpslld ymm6, ymm6, 16",
            "vpslld ymm7, ymm7, 16",
            "vpslld ymm8, ymm8, 16",
            "vpslld ymm9, ymm9, 16",
            "vpslld ymm10, ymm10, 16",
            "vpslld ymm11, ymm11, 16",
            "vfmadd231ps ymm0, ymm4, ymm8",
            "vfmadd231ps ymm1, ymm5, ymm9",
            "vfmadd231ps ymm2, ymm6, ymm10",
            "vfmadd231ps ymm3, ymm7, ymm11",
            "add {words}, 128",
            "add {x}, {step}",
            "dec {turns}",
            "jnz 2b",
            "vmovups [{lane}], ymm0",
            "vmovups [{lane} + 32], ymm1",
            "vmovups [{lane} + 64], ymm2",
            "vmovups [{lane} + 96], ymm3",
            "ldmxcsr [{before}]",
            before = in(reg) &raw mut before,
            control = in(reg) &SUBNORMALS_AS_ZERO,
            lane = in(reg) lane.as_mut_ptr(),
            words = inout(reg) words.as_ptr() => _,
            x = inout(reg) x.as_ptr() => _,
            step = in(reg) every * size_of::<[u16; GROUP]>(),
            turns = inout(reg) words.len() => _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _, out("ymm5") _, out("ymm6") _,
            out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _, out("ymm12") _,
            options(nostack),
        );
    }
}

/// Eight registers, so that no load waits for one before it.
#[target_feature(enable = "avx2")]
pub(super) fn read(passes: &[[u8; READ]], ahead: usize) -> u64 {
    let mut sums = [_mm256_setzero_si256(); 8];
    for pass in passes {
        if ahead > 0 {
            for line in 0..READ / 64 {
                _mm_prefetch::<_MM_HINT_T0>(pass.as_ptr().wrapping_add(ahead + 64 * line).cast());
            }
        }
        for (i, part) in pass.as_chunks::<32>().0.iter().enumerate() {
            // SAFETY: 32 bytes.
            let words = unsafe { _mm256_loadu_si256(part.as_ptr().cast()) };
            sums[i % 8] = _mm256_xor_si256(sums[i % 8], words);
        }
    }
    let mut words = [[0_u64; 4]; 8];
    for (words, sum) in words.iter_mut().zip(sums) {
        // SAFETY: 32 bytes.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
    }
    words.as_flattened().iter().fold(0, |a, b| a ^ b)
}
