//! AVX-512, with `vdpbf16ps` where the machine has it.
//!
//! A loop holds the lanes of `V` vectors for each of `R` rows in registers, sixteen of them at most. Two rows at
//! a time halve how often activations are loaded, which is what else bounds the loops: a machine that
//! multiplies two registers a cycle loads no more than two. (Eight vectors and a row at a time: 4.9 ns for 64
//! words in cache instead of 4.1, Zen 5.)
#![allow(clippy::needless_range_loop)] // plain loops over constants unroll, and lanes stay in registers

mod sums;

use std::arch::x86_64::*;

use super::MOST;
use crate::kernel::dot::avx512::{load, load_bf16, load_f32, pair_step};
use crate::kernel::dot::{GROUP, filled};
pub(in crate::kernel) use sums::{sums, sums_in_order, sums_of_pairs};

/// Lanes of `V` vectors for each of `R` rows.
pub(in crate::kernel) type Lanes<const V: usize, const R: usize> = [[[__m512; 2]; V]; R];

/// Calls a loop that takes the first so many vectors, then the others: as many at a time as leave two rows' lanes
/// in registers. `[loop]::<FIRST, OTHERS>`.
macro_rules! by_vectors {
    ($vectors:expr, [$($loop:tt)+] $arguments:tt) => {
        match $vectors {
            1 => $($loop)+::<1, 0> $arguments,
            2 => $($loop)+::<2, 0> $arguments,
            3 => $($loop)+::<3, 0> $arguments,
            4 => $($loop)+::<4, 0> $arguments,
            5 => $($loop)+::<3, 2> $arguments,
            6 => $($loop)+::<3, 3> $arguments,
            7 => $($loop)+::<4, 3> $arguments,
            _ => $($loop)+::<4, 4> $arguments,
        }
    };
}
pub(in crate::kernel) use by_vectors;

/// Rows that a loop takes at a time.
pub(in crate::kernel) const ROWS: usize = 2;

/// Asks for the cache lines of a group that lies `ahead` bytes on.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(words: &[u8; 2 * GROUP], ahead: usize) {
    let ahead = words.as_ptr().wrapping_add(ahead).cast();
    _mm_prefetch::<_MM_HINT_T0>(ahead);
    _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64));
}

/// Puts the sums of `R` rows from `r` on, row by row, into the `V` vectors of `out`.
#[inline]
pub(in crate::kernel) fn put<const V: usize, const R: usize>(
    sums: [f32; MOST],
    r: usize,
    out: &mut [&mut [f32]],
) {
    for (v, out) in out.iter_mut().enumerate() {
        for i in 0..R {
            out[r + i] = sums[i * V + v];
        }
    }
}

macro_rules! loops {
    ($rows:ident, $parts:ident, $some:ident, $through:ident, $feature:literal, $x:ty, $step:ident, $sums:ident) => {
        #[target_feature(enable = $feature)]
        pub(super) fn $rows(
            rows: &[u8],
            dim: usize,
            x: &[[$x; GROUP]],
            ahead: usize,
            out: &mut [&mut [f32]],
        ) {
            by_vectors!(out.len(), [$parts](rows, dim, x, ahead, out))
        }

        /// `A` vectors, then `B` more, for which the words are in the nearest cache.
        #[target_feature(enable = $feature)]
        fn $parts<const A: usize, const B: usize>(
            rows: &[u8],
            dim: usize,
            x: &[[$x; GROUP]],
            ahead: usize,
            out: &mut [&mut [f32]],
        ) {
            let (out_a, out_b) = out.split_at_mut(A);
            let mut blocks = rows.chunks_exact(2 * dim * ROWS);
            let mut r = 0;
            for block in &mut blocks {
                put::<A, ROWS>($some::<A, ROWS>(block, dim, x, [0, A + B], ahead), r, out_a);
                if B > 0 {
                    put::<B, ROWS>($some::<B, ROWS>(block, dim, x, [A, A + B], 0), r, out_b);
                }
                r += ROWS;
            }
            let row = blocks.remainder();
            if !row.is_empty() {
                put::<A, 1>($some::<A, 1>(row, dim, x, [0, A + B], ahead), r, out_a);
                if B > 0 {
                    put::<B, 1>($some::<B, 1>(row, dim, x, [A, A + B], 0), r, out_b);
                }
            }
        }

        /// The sums of `R` rows times the vectors from `first` on, of `all`, row by row.
        #[target_feature(enable = $feature)]
        fn $some<const V: usize, const R: usize>(
            rows: &[u8],
            dim: usize,
            x: &[[$x; GROUP]],
            part: [usize; 2],
            ahead: usize,
        ) -> [f32; MOST] {
            let mut groups: [&[[u8; 2 * GROUP]]; R] = [&[]; R];
            let mut tails = [[0; 2 * GROUP]; R];
            // Tails are filled while no lanes are held, which a call would drive out of their registers.
            for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
                let (whole, tail) = row.as_chunks();
                groups[r] = whole;
                if !tail.is_empty() {
                    tails[r] = filled(tail);
                }
            }
            $through::<V, R>(groups, &tails, x, part, ahead)
        }

        /// As above, of rows in full groups, and of tails where activations have a group more.
        #[inline]
        #[target_feature(enable = $feature)]
        pub(in crate::kernel) fn $through<const V: usize, const R: usize>(
            groups: [&[[u8; 2 * GROUP]]; R],
            tails: &[[u8; 2 * GROUP]; R],
            x: &[[$x; GROUP]],
            [first, all]: [usize; 2],
            ahead: usize,
        ) -> [f32; MOST] {
            let mut lanes = [[[_mm512_setzero_ps(); 2]; V]; R];
            let mut rest = x;
            for g in 0..groups[0].len() {
                let mut words = [&[0; 2 * GROUP]; R];
                for r in 0..R {
                    words[r] = &groups[r][g];
                    if ahead > 0 {
                        prefetch(words[r], ahead);
                    }
                }
                let x;
                (x, rest) = rest.split_at(all);
                let x = x[first..].first_chunk().expect("these vectors");
                lanes = $step::<V, R>(words, x, lanes);
            }
            if !rest.is_empty() {
                let mut words = [&[0; 2 * GROUP]; R];
                for r in 0..R {
                    words[r] = &tails[r];
                }
                let x = rest[first..].first_chunk().expect("these vectors");
                lanes = $step::<V, R>(words, x, lanes);
            }
            $sums(lanes)
        }
    };
}

loops!(bf16_rows, bf16_parts, bf16_some, bf16_through, "avx512f", f32, bf16_step, sums);
loops!(f16_rows, f16_parts, f16_some, f16_through, "avx512f", f32, f16_step, sums_in_order);
loops!(pair_rows, pair_parts, pair_some, pair_through, "avx512f,avx512bf16", u16, pairs_step, sums_of_pairs);

/// A group of BF16 words times F32 activations.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn bf16_step<const V: usize, const R: usize>(
    words: [&[u8; 2 * GROUP]; R],
    x: &[[f32; GROUP]; V],
    mut lanes: Lanes<V, R>,
) -> Lanes<V, R> {
    let mask = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    for half in 0..2 {
        let mut values = [[_mm512_setzero_ps(); 2]; R];
        for r in 0..R {
            let words = load(words[r], 64 * half);
            values[r] = [
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words)),
                _mm512_castsi512_ps(_mm512_and_si512(words, mask)),
            ];
        }
        for v in 0..V {
            for odd in 0..2 {
                let x = load_f32(&x[v], 32 * half + 16 * odd);
                for r in 0..R {
                    lanes[r][v][odd] = _mm512_fmadd_ps(values[r][odd], x, lanes[r][v][odd]);
                }
            }
        }
    }
    lanes
}

/// A group of FP16 words times F32 activations.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel) fn f16_step<const V: usize, const R: usize>(
    words: [&[u8; 2 * GROUP]; R],
    x: &[[f32; GROUP]; V],
    mut lanes: Lanes<V, R>,
) -> Lanes<V, R> {
    for quarter in 0..4 {
        let mut values = [_mm512_setzero_ps(); R];
        for r in 0..R {
            let part: &[u8; 32] = words[r][32 * quarter..][..32].try_into().expect("32 bytes");
            // SAFETY: 32 bytes.
            values[r] = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(part.as_ptr().cast()) });
        }
        for v in 0..V {
            let x = load_f32(&x[v], 16 * quarter);
            for r in 0..R {
                lanes[r][v][quarter % 2] = _mm512_fmadd_ps(values[r], x, lanes[r][v][quarter % 2]);
            }
        }
    }
    lanes
}

/// A group of BF16 words times BF16 activations.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(in crate::kernel) fn pairs_step<const V: usize, const R: usize>(
    words: [&[u8; 2 * GROUP]; R],
    x: &[[u16; GROUP]; V],
    mut lanes: Lanes<V, R>,
) -> Lanes<V, R> {
    for half in 0..2 {
        let mut pairs = [_mm512_setzero_si512(); R];
        for r in 0..R {
            pairs[r] = load(words[r], 64 * half);
        }
        for v in 0..V {
            let x = load_bf16(&x[v], 32 * half);
            for r in 0..R {
                lanes[r][v][half] = pair_step(pairs[r], x, lanes[r][v][half]);
            }
        }
    }
    lanes
}
