//! Rows side by side, eight to a vector, up to four vectors at a time: they share coefficients, and while one
//! waits for its coder the others work.

mod alone;
mod cell;
mod coder;
mod dot;
mod encode;
mod transpose;

use super::vectors::dots::{QUAD, TOGETHER};
use super::vectors::rows;
use super::vectors::scratch::{Dwords, Side};
use super::{Lane, Tables, scalar};
use cell::{Cell, Context, V, load, set, store};
use coder::{Eight, Group};
use core::arch::x86_64::*;
use transpose::interleave;

pub use alone::decode as decode_alone;
pub use encode::{Far, encode};
pub use transpose::{put_innovations, put_words};

/// Most rows side by side.
pub const ROWS: usize = 32;

/// Decodes up to [`ROWS`] rows, in as few vectors as hold them.
#[target_feature(enable = "avx2")]
pub fn decode(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    side: &mut Side,
) -> bool {
    match lanes.len().div_ceil(8) {
        0 | 1 => group::<1>(t, lanes, words, innovations, side),
        2 => group::<2>(t, lanes, words, innovations, side),
        3 => group::<3>(t, lanes, words, innovations, side),
        _ => group::<4>(t, lanes, words, innovations, side),
    }
}

/// Decodes up to `8 * N` rows.
#[target_feature(enable = "avx2")]
fn group<const N: usize>(
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
    weigh::<N>(lanes, row, near);
    let zero = _mm256_setzero_si256();
    // Innovations of the present quad, signed bytes; those to come are zero.
    let mut own = [zero; N];
    for j0 in (0..dim).step_by(TOGETHER) {
        let far = dot::far::<N>(t, j0, seen);
        let pair: &[Dwords; N] = near[j0 / 2 * N..][..N].try_into().expect("N vectors");
        let mut words = [zero; N];
        for (i, far) in far.iter().enumerate().take(dim - j0) {
            let j = j0 + i;
            let mut e = [zero; N];
            let step = dot::Step { j, far, own: &own, near: pair };
            // Two vectors share the look-ups of their cells.
            let mut h = 0;
            while h + 2 <= N {
                steps::<N, 2>(g, h, &step, &mut eights, &mut words, &mut e);
                h += 2;
            }
            if h < N {
                steps::<N, 1>(g, h, &step, &mut eights, &mut words, &mut e);
            }
            let place = _mm_cvtsi32_si128(8 * (j % QUAD) as i32);
            for h in 0..N {
                own[h] = _mm256_or_si256(own[h], _mm256_sll_epi32(_mm256_and_si256(e[h], set(0xff)), place));
            }
        }
        for h in 0..N {
            out[j0 / 2 * N + h].0 = store(words[h]);
        }
        if j0 % QUAD != 0 || j0 + TOGETHER >= dim {
            for h in 0..N {
                seen[j0 / QUAD * N + h].0 =
                    store(_mm256_xor_si256(own[h], set(i32::from_ne_bytes([0x80; 4]))));
                own[h] = zero;
            }
        }
    }
    for h in 0..N {
        let (from, to) = ((8 * h).min(lanes.len()), (8 * h + 8).min(lanes.len()));
        put_words(&out[h..], N, &mut words[from..to]);
        put_innovations(&seen[h..], N, &mut innovations[from..to]);
    }
    lanes.iter().enumerate().all(|(i, l)| eights[i / 8].ended(i % 8, l.stream, dim))
}

/// Decodes a word of each row of the `P` vectors from `h` on: adds it to `words`, puts its innovation into
/// `e`.
#[inline]
#[target_feature(enable = "avx2")]
fn steps<const N: usize, const P: usize>(
    g: Group<'_>,
    h: usize,
    step: &dot::Step<'_, N>,
    eights: &mut [Eight; N],
    words: &mut [V; N],
    e: &mut [V; N],
) {
    let mut context = [Context::EMPTY; P];
    let mut at = [_mm256_setzero_si256(); P];
    for p in 0..P {
        context[p] = eights[h + p].context(g, step.j, step.dot(g.tables, h + p), load(&step.near[h + p].0));
        at[p] = eights[h + p].guess(g, &context[p]);
    }
    let mut cells = Cell::around(g.tables, g.half, &context, &at);
    let mut hits = set(-1);
    for p in 0..P {
        hits = _mm256_and_si256(hits, eights[h + p].hits(&cells[p]));
    }
    let sure = _mm256_movemask_epi8(hits) == -1;
    if !sure {
        for p in 0..P {
            eights[h + p].settle(g, &context[p], &mut cells[p]);
        }
    }
    for p in 0..P {
        let eight = &mut eights[h + p];
        let (word, innovation) = match sure {
            true => eight.word::<false>(g, &context[p], &cells[p]),
            false => eight.rare(g, &context[p], &cells[p]),
        };
        words[h + p] = _mm256_or_si256(
            words[h + p],
            if step.j.is_multiple_of(2) { word } else { _mm256_slli_epi32::<16>(word) },
        );
        e[h + p] = innovation;
    }
}

/// Weighted innovations of the reference rows of up to `8 * N` rows, two dimensions of each to a dword.
#[target_feature(enable = "avx2")]
pub fn weigh<const N: usize>(lanes: &[Lane<'_>], row: &mut [i16], near: &mut [Dwords]) {
    rows::weigh::<N>(lanes, row, near, |row, near| interleave(row, near, N));
}
