//! Four rows to a register, four dimensions of each.
use super::{Found, GROUP, Packed, QUERIES, Set};
use crate::kernel::dense::sdot::sdot;
use core::arch::aarch64::*;
use std::ops::Range;

/// Fours of dimensions whose 16-bit sums cannot overflow: a product is at most 63 * 31.
const RUN: usize = 16;

/// Products of the rows of a group with each query.
type Sums = [[int32x4_t; GROUP / 4]; QUERIES];

/// `DOTPROD`: the machine has `sdot`.
///
/// # Safety
/// It has, then.
#[target_feature(enable = "neon")]
pub unsafe fn search<const DOTPROD: bool>(
    set: &Set,
    packed: &Packed,
    groups: Range<usize>,
    found: &mut Found<'_>,
) {
    for (number, g) in groups.enumerate() {
        let sums = match DOTPROD {
            // SAFETY: the caller's promise.
            true => unsafe { by_dotprod(set.group(g), &packed.values) },
            false => by_products(set.group(g), &packed.values),
        };
        let mut scores = [[0; GROUP]; QUERIES];
        for ((scores, sums), bias) in scores.iter_mut().zip(sums).zip(packed.bias) {
            for (scores, sum) in scores.chunks_exact_mut(4).zip(sums) {
                // SAFETY: four dwords are one register.
                unsafe { vst1q_s32(scores.as_mut_ptr(), vaddq_s32(sum, vdupq_n_s32(bias))) };
            }
        }
        found.take(g, number, &scores);
    }
}

#[target_feature(enable = "neon,dotprod")]
fn by_dotprod(group: &[u8], packed: &[[i32; QUERIES]]) -> Sums {
    const { assert!(QUERIES == 6) };
    let mut sums = [[vdupq_n_s32(0); GROUP / 4]; QUERIES];
    for (four, p) in group.as_chunks::<{ 4 * GROUP }>().0.iter().zip(packed) {
        // SAFETY: four queries, then two.
        let (first, last) = unsafe { (vld1q_s32(p.as_ptr()), vld1_s32(p[4..].as_ptr())) };
        let last = vcombine_s32(last, last);
        let [a, b, c, d, e, f] = &mut sums;
        for (k, rows) in four.as_chunks::<16>().0.iter().enumerate() {
            let rows = vreinterpretq_s32_u8(load(rows));
            a[k] = sdot::<0>(a[k], rows, first);
            b[k] = sdot::<1>(b[k], rows, first);
            c[k] = sdot::<2>(c[k], rows, first);
            d[k] = sdot::<3>(d[k], rows, first);
            e[k] = sdot::<0>(e[k], rows, last);
            f[k] = sdot::<1>(f[k], rows, last);
        }
    }
    sums
}

#[target_feature(enable = "neon")]
fn by_products(group: &[u8], packed: &[[i32; QUERIES]]) -> Sums {
    let mut sums = [[vdupq_n_s32(0); GROUP / 4]; QUERIES];
    for (i, sums) in sums.iter_mut().enumerate() {
        // Of each row a dword for either half of its fours.
        let mut halves = [[vdupq_n_s32(0); 2]; GROUP / 4];
        for (run, p) in group.chunks(RUN * 4 * GROUP).zip(packed.chunks(RUN)) {
            let mut short = [[vdupq_n_s16(0); 2]; GROUP / 4];
            for (four, p) in run.as_chunks::<{ 4 * GROUP }>().0.iter().zip(p) {
                let q = vreinterpretq_s8_s32(vdupq_n_s32(p[i]));
                for ([low, high], rows) in short.iter_mut().zip(four.as_chunks().0) {
                    let rows = vreinterpretq_s8_u8(load(rows));
                    *low = vmlal_s8(*low, vget_low_s8(rows), vget_low_s8(q));
                    *high = vmlal_high_s8(*high, rows, q);
                }
            }
            for (halves, short) in halves.as_flattened_mut().iter_mut().zip(short.as_flattened()) {
                *halves = vpadalq_s16(*halves, *short);
            }
        }
        for (sum, [low, high]) in sums.iter_mut().zip(halves) {
            *sum = vpaddq_s32(low, high);
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: 16 bytes are one register.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
