//! Rows side by side, eight to a pair of registers, up to four pairs at a time: they share coefficients, and
//! while one waits for its coder the others work.
//!
//! What fits 16 bits, a register holds for all eight. A half of the distribution is a table of 64 pieces, just
//! what one look-up takes.

mod cell;
mod coder;
mod context;
mod dot;
mod pair;
mod transpose;

use super::vectors::dots::{QUAD, TOGETHER};
use super::vectors::rows;
use super::vectors::scratch::{Dwords, Side};
use super::{Lane, Tables, scalar};
use coder::{Eight, Group};
use context::Column;
use core::arch::aarch64::*;
use pair::{V, load_words, set, store_words};

/// Most rows side by side.
pub const ROWS: usize = 32;

/// Decodes up to [`ROWS`] rows, in as few vectors as hold them. `DOTPROD`: the machine has `sdot`.
///
/// # Safety
/// It has, then.
#[target_feature(enable = "neon")]
pub unsafe fn decode<const DOTPROD: bool>(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    side: &mut Side,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match lanes.len().div_ceil(8) {
            0 | 1 => group::<1, DOTPROD>(t, lanes, words, innovations, side),
            2 => group::<2, DOTPROD>(t, lanes, words, innovations, side),
            _ => group::<4, DOTPROD>(t, lanes, words, innovations, side),
        }
    }
}

/// Decodes up to `8 * N` rows.
///
/// # Safety
/// As for [`decode`].
#[target_feature(enable = "neon")]
unsafe fn group<const N: usize, const DOTPROD: bool>(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    side: &mut Side,
) -> bool {
    let dim = t.dim();
    let Side { bytes, stride, near, seen, out, row } = side;
    rows::lay_out(lanes, dim, *stride, bytes);
    let g = Group { tables: t, bytes, half: scalar::half(t) };
    let mut eights: [Eight; N] = core::array::from_fn(|h| {
        let lanes = lanes.get(8 * h..).unwrap_or_default();
        Eight::new(g, lanes, 8 * h * *stride, *stride)
    });
    rows::weigh::<N>(lanes, row, near, |row, near| transpose::interleave(row, near, N));
    // Innovations of the present quad; of dimensions to come, any.
    let mut own = [[vdupq_n_s16(0); QUAD]; N];
    for j0 in (0..dim).step_by(TOGETHER) {
        let far = match DOTPROD {
            // SAFETY: the caller's promise.
            true => unsafe { dot::far_dotprod::<N>(t, j0, seen) },
            false => dot::far::<N>(t, j0, seen),
        };
        for (i, far) in far.iter().enumerate().take(dim - j0) {
            let j = j0 + i;
            let near = &near[j0 / 2 * N..][..N];
            let place = Place { j, column: Column::new(t, j), far, near };
            let out = &mut out[j0 / 2 * N..][..N];
            let mut h = 0;
            while h + 2 <= N {
                steps::<N, 2>(g, h, &place, &mut eights, &mut own, out);
                h += 2;
            }
            if h < N {
                steps::<N, 1>(g, h, &place, &mut eights, &mut own, out);
            }
        }
        if j0 % QUAD != 0 || j0 + TOGETHER >= dim {
            for (own, seen) in own.iter().zip(&mut seen[j0 / QUAD * N..][..N]) {
                let [a, b, c, d] = own.map(|e| vmovn_s16(e));
                // SAFETY: four times eight bytes, four of a row together, are eight dwords.
                unsafe { vst4_s8(seen.0.as_mut_ptr().cast(), int8x8x4_t(a, b, c, d)) };
            }
        }
    }
    for h in 0..N {
        let (from, to) = ((8 * h).min(lanes.len()), (8 * h + 8).min(lanes.len()));
        transpose::put_words(&out[h..], N, &mut words[from..to]);
        transpose::put_innovations(&seen[h..], N, &mut innovations[from..to]);
    }
    lanes.iter().enumerate().all(|(i, l)| eights[i / 8].ended(i % 8, l.stream, dim))
}

/// A dimension, and what predicts it in `N` times eight rows.
struct Place<'a, const N: usize> {
    j: usize,
    column: Column,
    /// From [`dot::far`].
    far: &'a [V; N],
    /// Weighted innovations of other rows, of a pair of dimensions.
    near: &'a [Dwords],
}

/// Decodes a word of each row of the `P` times eight from `h` on, and puts it into `out` and its innovation
/// into `own`.
#[inline]
#[target_feature(enable = "neon")]
fn steps<const N: usize, const P: usize>(
    g: Group<'_>,
    h: usize,
    place: &Place<'_, N>,
    eights: &mut [Eight; N],
    own: &mut [[int16x8_t; QUAD]; N],
    out: &mut [Dwords],
) {
    let &Place { j, ref column, far, near } = place;
    let (mut dots, mut nears) = ([set(0); P], [vdupq_n_s16(0); P]);
    for p in 0..P {
        let [e0, e1, e2, _] = own[h + p];
        dots[p] = dot::near(g.tables, j, far[h + p], [e0, e1, e2]);
        nears[p] = vreinterpretq_s16_u16(load_words(&near[h + p], j % 2));
    }
    let eights: &mut [Eight; P] = eights[h..].first_chunk_mut().expect("so many are left");
    for (p, (word, e)) in coder::step(eights, g, column, dots, nears).into_iter().enumerate() {
        store_words(&mut out[h + p], j % 2, word);
        own[h + p][j % QUAD] = e;
    }
}
