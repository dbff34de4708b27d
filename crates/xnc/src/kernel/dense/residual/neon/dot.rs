//! Sums over the earlier dimensions of rows.
use super::super::Tables;
use super::super::vectors::dots::{QUAD, TOGETHER};
use super::super::vectors::scratch::Dwords;
use super::pair::*;
use crate::kernel::dense::sdot::sdot;
use core::arch::aarch64::*;

/// Sums of dimensions `j` and `j + 1`, `j` even, over all quads before theirs.
#[target_feature(enable = "neon,dotprod")]
pub fn far_dotprod<const N: usize>(t: &Tables, j: usize, seen: &[Dwords]) -> [[V; N]; TOGETHER] {
    let mut sum = [[set(0); N]; TOGETHER];
    let (runs, mut rest) = t.vectors.dots.of(j);
    for run in runs {
        let quads = seen[usize::from(run.from) * N..usize::from(run.to) * N].chunks_exact(N);
        let (coefs, more) = rest.split_at(quads.len());
        rest = more;
        for (e, c) in quads.zip(coefs) {
            // SAFETY: a coefficient for each of the two dimensions.
            let c = unsafe { vld1_s32(c.as_ptr()) };
            let c = vcombine_s32(c, c);
            let [even, odd] = &mut sum;
            for h in 0..N {
                for (part, e) in load(&e[h].0).into_iter().enumerate() {
                    even[h][part] = sdot::<0>(even[h][part], e, c);
                    odd[h][part] = sdot::<1>(odd[h][part], e, c);
                }
            }
        }
    }
    sum
}

/// As [`far_dotprod`]. Products of one dimension are added in 16 bits: a run's coefficients of a dimension add
/// up to 256 at most, and innovations are not below -127.
#[target_feature(enable = "neon")]
pub fn far<const N: usize>(t: &Tables, j: usize, seen: &[Dwords]) -> [[V; N]; TOGETHER] {
    let mut sums = [[set(0); N]; TOGETHER];
    let (runs, all) = t.vectors.dots.of(j);
    for h in 0..N {
        // Of each row, a dword for either half of its quads.
        let mut sum = [[vdupq_n_s32(0); QUAD]; TOGETHER];
        let mut rest = all;
        for run in runs {
            let quads = seen[usize::from(run.from) * N..usize::from(run.to) * N].chunks_exact(N);
            let (coefs, more) = rest.split_at(quads.len());
            rest = more;
            let mut short = [[vdupq_n_s16(0); QUAD]; TOGETHER];
            for (e, c) in quads.zip(coefs) {
                let [a, b] = load(&e[h].0).map(|e| vreinterpretq_s8_s32(e));
                for (short, &c) in short.iter_mut().zip(c) {
                    let c = vreinterpretq_s8_s32(vdupq_n_s32(c));
                    short[0] = vmlal_s8(short[0], vget_low_s8(a), vget_low_s8(c));
                    short[1] = vmlal_high_s8(short[1], a, c);
                    short[2] = vmlal_s8(short[2], vget_low_s8(b), vget_low_s8(c));
                    short[3] = vmlal_high_s8(short[3], b, c);
                }
            }
            for (sum, short) in sum.as_flattened_mut().iter_mut().zip(short.as_flattened()) {
                *sum = vpadalq_s16(*sum, *short);
            }
        }
        for (sums, [a, b, c, d]) in sums.iter_mut().zip(sum) {
            sums[h] = [vpaddq_s32(a, b), vpaddq_s32(c, d)];
        }
    }
    sums
}

/// Adds, for word `j`, the earlier dimensions of its own quad: their innovations are in `own`.
#[inline]
#[target_feature(enable = "neon")]
pub fn near(t: &Tables, j: usize, mut sum: V, own: [int16x8_t; QUAD - 1]) -> V {
    let coefs = t.vectors.dots.own[j].to_le_bytes();
    for (e, c) in own.into_iter().zip(coefs).take(j % QUAD) {
        let c = i16::from(c.cast_signed());
        sum = [vmlal_n_s16(sum[0], vget_low_s16(e), c), vmlal_high_n_s16(sum[1], e, c)];
    }
    sum
}
