//! AVX2 with FMA and F16C: lanes of two or three vectors fill the registers, so a row is gone through several
//! times; after the first it is in the nearest cache.

use std::arch::x86_64::*;

use crate::kernel::dot::avx2::{load, load_f32, pairs, sum, sum_in_order, sum_pairs};
use crate::kernel::dot::{GROUP, filled};

/// The most vectors whose lanes are held at a time.
const HELD: usize = 3;

/// The lanes of `V` vectors.
type Lanes<const V: usize> = [[__m256; 4]; V];

/// Asks for the cache lines of a row that lies `ahead` bytes on.
#[inline]
#[target_feature(enable = "avx2")]
fn prefetch(row: &[u8], ahead: usize) {
    for line in (0..row.len()).step_by(64) {
        _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().wrapping_add(ahead + line).cast());
    }
}

macro_rules! loops {
    ($rows:ident, $some:ident, $feature:literal, $step:ident, $sum:ident) => {
        #[target_feature(enable = $feature)]
        pub(super) fn $rows(
            rows: &[u8],
            dim: usize,
            x: &[[f32; GROUP]],
            ahead: usize,
            out: &mut [&mut [f32]],
        ) {
            let all = out.len();
            for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
                prefetch(row, ahead);
                for (i, out) in out.chunks_mut(HELD).enumerate() {
                    let first = HELD * i;
                    match out.len() {
                        1 => $some::<1>(row, x, [first, all], r, out),
                        2 => $some::<2>(row, x, [first, all], r, out),
                        _ => $some::<HELD>(row, x, [first, all], r, out),
                    }
                }
            }
        }

        /// The vectors from `first` on, of `all`.
        #[inline]
        #[target_feature(enable = $feature)]
        fn $some<const V: usize>(
            row: &[u8],
            x: &[[f32; GROUP]],
            [first, all]: [usize; 2],
            r: usize,
            out: &mut [&mut [f32]],
        ) {
            let (groups, tail) = row.as_chunks();
            // Filled while no lanes are held, which a call would drive out of their registers.
            let tail = if tail.is_empty() { [0; 2 * GROUP] } else { filled(tail) };
            let mut lanes = [[_mm256_setzero_ps(); 4]; V];
            let mut rest = x;
            for words in groups {
                let x;
                (x, rest) = rest.split_at(all);
                lanes = $step(words, x[first..].first_chunk().expect("these vectors"), lanes);
            }
            if !rest.is_empty() {
                lanes = $step(&tail, rest[first..].first_chunk().expect("these vectors"), lanes);
            }
            for v in 0..V {
                out[v][r] = $sum(lanes[v]);
            }
        }
    };
}

loops!(bf16_rows, bf16_some, "avx2,fma", bf16_step, sum);
loops!(f16_rows, f16_some, "avx2,fma,f16c", f16_step, sum_in_order);

/// A group of BF16 words times the activations of their even and their odd ones.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn bf16_step<const V: usize>(
    words: &[u8; 2 * GROUP],
    x: &[[f32; GROUP]; V],
    mut lanes: Lanes<V>,
) -> Lanes<V> {
    let mask = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
    for i in 0..4 {
        let words = load(words, 32 * i);
        let even = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words));
        let odd = _mm256_castsi256_ps(_mm256_and_si256(words, mask));
        for v in 0..V {
            let lane = &mut lanes[v][2 * (i % 2)..][..2];
            lane[0] = _mm256_fmadd_ps(even, load_f32(&x[v], 16 * i), lane[0]);
            lane[1] = _mm256_fmadd_ps(odd, load_f32(&x[v], 16 * i + 8), lane[1]);
        }
    }
    lanes
}

/// A group of FP16 words times activations in order.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn f16_step<const V: usize>(words: &[u8; 2 * GROUP], x: &[[f32; GROUP]; V], mut lanes: Lanes<V>) -> Lanes<V> {
    for i in 0..8 {
        let part: &[u8; 16] = words[16 * i..][..16].try_into().expect("16 bytes");
        // SAFETY: 16 bytes.
        let values = _mm256_cvtph_ps(unsafe { _mm_loadu_si128(part.as_ptr().cast()) });
        for v in 0..V {
            lanes[v][i % 4] = _mm256_fmadd_ps(values, load_f32(&x[v], 8 * i), lanes[v][i % 4]);
        }
    }
    lanes
}

/// One vector after another: words and activations both have to be widened, for which registers are short.
#[target_feature(enable = "avx2,fma")]
pub(super) fn pair_rows(rows: &[u8], dim: usize, x: &[[u16; GROUP]], ahead: usize, out: &mut [&mut [f32]]) {
    let all = out.len();
    for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
        prefetch(row, ahead);
        let (groups, tail) = row.as_chunks();
        for (v, out) in out.iter_mut().enumerate() {
            let mut lane = [0.0; 32];
            pairs(groups, &x[v..], all, &mut lane);
            if !tail.is_empty() {
                pairs(&[filled(tail)], &x[all * groups.len() + v..], all, &mut lane);
            }
            out[r] = sum_pairs(&lane);
        }
    }
}
