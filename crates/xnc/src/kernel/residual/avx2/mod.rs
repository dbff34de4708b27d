//! Rows side by side, eight to a vector: one broadcast of a pair of coefficients serves all of them, and while one vector waits for its
//! coder the others work.

mod cell;
mod coder;
mod transpose;

use super::scratch::{Dwords, Scratch};
use super::{BLOCK, LANES, Lane, REFS, Tables, scalar};
use cell::{Cell, Context, V, any, load, set, store};
use coder::{Eight, Group, lay_out};
use core::arch::x86_64::*;
use transpose::{interleave, put_innovations, put_words};

/// Decodes up to [`LANES`] rows, in as few vectors as hold them.
#[target_feature(enable = "avx2")]
pub fn decode(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    scratch: &mut Scratch,
) -> bool {
    if lanes.len() > 8 {
        group::<2>(t, lanes, words, innovations, scratch)
    } else {
        group::<1>(t, lanes, words, innovations, scratch)
    }
}

/// Decodes up to `8 * N` rows.
#[target_feature(enable = "avx2")]
fn group<const N: usize>(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    scratch: &mut Scratch,
) -> bool {
    const { assert!(8 * N <= LANES) };
    let dim = t.dim();
    let Scratch { bytes, stride, near, seen, out, row } = scratch;
    lay_out(lanes, dim, *stride, bytes);
    let g = Group { tables: t, bytes, half: scalar::half(t) };
    let mut eights: [Eight; N] = core::array::from_fn(|h| {
        let lanes = lanes.get(8 * h..).unwrap_or_default();
        Eight::new(g, lanes, 8 * h * *stride, *stride)
    });
    let referring = lanes.iter().any(|l| l.refs.iter().any(|r| !r.is_empty()));
    if referring {
        for h in 0..N {
            weigh::<N>(lanes.get(8 * h..).unwrap_or_default(), h, row, near);
        }
    }
    let zero = _mm256_setzero_si256();
    for j0 in (0..dim).step_by(BLOCK) {
        let block = t.block(j0);
        let mut sum = [[zero; N]; BLOCK];
        let earlier = seen[..j0 / 2 * N].chunks_exact(N);
        for (e, c) in earlier.zip(block.chunks_exact(BLOCK)) {
            for i in 0..BLOCK {
                let c = set(c[i]);
                for h in 0..N {
                    sum[i][h] = _mm256_add_epi32(sum[i][h], _mm256_madd_epi16(load(&e[h].0), c));
                }
            }
        }
        for (i, sum) in sum.iter().enumerate().take(dim - j0) {
            let j = j0 + i;
            let mut context = [Context::EMPTY; N];
            let mut cell = [Cell::EMPTY; N];
            for h in 0..N {
                let mut dot = sum[h];
                for (k, c) in block.chunks_exact(BLOCK).enumerate().skip(j0 / 2).take(1 + j / 2 - j0 / 2) {
                    dot = _mm256_add_epi32(dot, _mm256_madd_epi16(load(&seen[k * N + h].0), set(c[i])));
                }
                let pull = if referring { half_of(load(&near[j / 2 * N + h].0), j) } else { zero };
                context[h] = eights[h].context(g, j, dot, pull);
                cell[h] = eights[h].guess(g, &context[h]);
            }
            for h in 0..N {
                if any(eights[h].misses(g, &cell[h])) {
                    eights[h].settle(g, &context[h], &mut cell[h]);
                }
            }
            for h in 0..N {
                let (word, e) = eights[h].word(g, &context[h], &cell[h]);
                let at = j / 2 * N + h;
                add_half(&mut seen[at], e, j);
                add_half(&mut out[at], word, j);
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

/// Word `j` of the pairs that it is in, with its sign.
#[inline]
#[target_feature(enable = "avx2")]
fn half_of(pairs: V, j: usize) -> V {
    _mm256_srai_epi32::<16>(if j.is_multiple_of(2) { _mm256_slli_epi32::<16>(pairs) } else { pairs })
}

/// Puts word `j` beside its neighbour; the even one comes first.
#[inline]
#[target_feature(enable = "avx2")]
fn add_half(pairs: &mut Dwords, word: V, j: usize) {
    pairs.0 = store(if j.is_multiple_of(2) {
        _mm256_and_si256(word, set(0xffff))
    } else {
        _mm256_or_si256(load(&pairs.0), _mm256_slli_epi32::<16>(word))
    });
}

/// Weighted innovations of the reference rows of at most eight rows, two dimensions of each to a dword: a sum fits 16 bits.
#[target_feature(enable = "avx2")]
fn weigh<const N: usize>(lanes: &[Lane<'_>], h: usize, row: &mut [i16], near: &mut [Dwords]) {
    let stride = row.len() / 8;
    row.fill(0);
    for (l, sum) in lanes.iter().zip(row.chunks_exact_mut(stride)) {
        for k in 0..REFS {
            let w = i16::from(l.head.weights[k]);
            for (s, &e) in sum.iter_mut().zip(l.refs[k]) {
                *s += i16::from(e) * w;
            }
        }
    }
    interleave(row, &mut near[h..], N);
}
