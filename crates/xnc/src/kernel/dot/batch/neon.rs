//! NEON: lanes of two or three vectors fill the registers, so a row is gone through several times; after the first it
//! is in the nearest cache.

use std::arch::aarch64::*;

use super::{MOST, scalar};
use crate::kernel::dot::neon::{
    Lanes, bf16_values, load, load_f32, pair_row, prefetch_row, sum, sum_in_order, zeros,
};
use crate::kernel::dot::{GROUP, filled};
use crate::kernel::widen::f16_values;

/// The most vectors whose lanes are held at a time.
const HELD: usize = 3;

macro_rules! loops {
    ($rows:ident, $some:ident, $values:ident, $sum:ident) => {
        #[target_feature(enable = "neon")]
        pub(super) fn $rows(
            rows: &[u8],
            dim: usize,
            x: &[[f32; GROUP]],
            ahead: usize,
            out: &mut [&mut [f32]],
        ) {
            let all = out.len();
            for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
                prefetch_row(row, ahead);
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
        #[target_feature(enable = "neon")]
        fn $some<const V: usize>(
            row: &[u8],
            x: &[[f32; GROUP]],
            [first, all]: [usize; 2],
            r: usize,
            out: &mut [&mut [f32]],
        ) {
            let mut lanes = [zeros(); V];
            let mut x = x.chunks_exact(all);
            let mut group = |words: &[u8; 2 * GROUP]| {
                let x = x.next().expect("as many groups as a row has");
                let x: &[[f32; GROUP]; V] = x[first..].first_chunk().expect("these vectors");
                step(words, x, &mut lanes, |words| $values(words));
            };
            let (groups, tail) = row.as_chunks();
            groups.iter().for_each(&mut group);
            if !tail.is_empty() {
                group(&filled(tail));
            }
            for v in 0..V {
                out[v][r] = $sum(lanes[v]);
            }
        }
    };
}

loops!(bf16_rows, bf16_some, bf16_values, sum);
loops!(f16_rows, f16_some, f16_values, sum_in_order);

/// A group of words, of which `values` makes values, times activations.
#[inline]
#[target_feature(enable = "neon")]
fn step<const V: usize>(
    words: &[u8; 2 * GROUP],
    x: &[[f32; GROUP]; V],
    lanes: &mut [Lanes; V],
    values: impl Fn(uint16x8_t) -> [float32x4_t; 2],
) {
    for i in 0..8 {
        let values = values(load(words, 16 * i));
        for (x, lanes) in x.iter().zip(&mut *lanes) {
            for half in 0..2 {
                let lane = &mut lanes[2 * (i % 4) + half];
                *lane = vfmaq_f32(*lane, values[half], load_f32(x, 8 * i + 4 * half));
            }
        }
    }
}

/// One vector after another.
///
/// # Safety
/// With `bf16`, the machine has the instructions.
#[target_feature(enable = "neon")]
pub(super) unsafe fn pair_rows(
    rows: &[u8],
    dim: usize,
    x: &[[u16; GROUP]],
    ahead: usize,
    bf16: bool,
    out: &mut [&mut [f32]],
) {
    let all = out.len();
    for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
        prefetch_row(row, ahead);
        let mut exact = true;
        for (v, out) in out.iter_mut().enumerate() {
            // SAFETY: as the caller promises.
            let sum = unsafe { pair_row(row, &x[v..], all, bf16) };
            exact &= sum.is_some();
            out[r] = sum.unwrap_or_default();
        }
        if !exact {
            let mut parts: [&mut [f32]; MOST] = Default::default();
            for (part, out) in parts.iter_mut().zip(&mut *out) {
                *part = &mut out[r..=r];
            }
            scalar::pair_rows(row, dim, x, 0, &mut parts[..all]);
        }
    }
}
