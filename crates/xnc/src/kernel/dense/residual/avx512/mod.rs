//! Rows side by side, sixteen to a vector. Steps are those of [`super::avx2`], whose layouts of rows these
//! are too: two of its vectors to one.

mod cell;
mod coder;

use super::avx2::{put_innovations, put_words, weigh};
use super::vectors::dots::{BIAS, QUAD, TOGETHER};
use super::vectors::scratch::{Dwords, Side};
use super::vectors::{LANES, rows};
use super::{Lane, Tables};
use cell::{Cell, Context, Half, V, set, store, take};
use coder::{Group, Sixteen};
use core::arch::x86_64::*;

/// Decodes up to [`LANES`] rows, in as few vectors as hold them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn decode(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    side: &mut Side,
) -> bool {
    const { assert!(LANES == 64) };
    match lanes.len().div_ceil(16) {
        0 | 1 => group::<1, 2>(t, lanes, words, innovations, side),
        2 => group::<2, 4>(t, lanes, words, innovations, side),
        3 => group::<3, 6>(t, lanes, words, innovations, side),
        _ => group::<4, 8>(t, lanes, words, innovations, side),
    }
}

/// Decodes up to `16 * Z` rows; `N` is `2 * Z`, the vectors of eight rows in which they lie in memory.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn group<const Z: usize, const N: usize>(
    t: &Tables,
    lanes: &[Lane<'_>],
    words: &mut [&mut [u16]],
    innovations: &mut [&mut [i8]],
    side: &mut Side,
) -> bool {
    const { assert!(N == 2 * Z) };
    let dim = t.dim();
    let Side { bytes, stride, near, seen, out, row } = side;
    rows::lay_out(lanes, dim, *stride, bytes);
    let g = Group { tables: t, bytes, half: Half::new(t) };
    let mut coders: [Sixteen; Z] = core::array::from_fn(|z| {
        let lanes = lanes.get(16 * z..).unwrap_or_default();
        Sixteen::new(g, lanes, 16 * z * *stride, *stride)
    });
    weigh::<N>(lanes, row, near);
    let zero = _mm512_setzero_si512();
    // Innovations of the present quad, biased bytes; those to come are zero.
    let mut own = [zero; Z];
    for j0 in (0..dim).step_by(TOGETHER) {
        let far = far::<Z, N>(t, j0, seen);
        let mut words = [zero; Z];
        for (i, far) in far.iter().enumerate().take(dim - j0) {
            let j = j0 + i;
            let place = _mm_cvtsi32_si128(8 * (j % QUAD) as i32);
            let mut context = [Context::EMPTY; Z];
            let mut cell = [Cell::EMPTY; Z];
            for z in 0..Z {
                let dot = _mm512_dpbusd_epi32(far[z], own[z], set(t.vectors.dots.own[j]));
                context[z] = coders[z].context(g, j, dot, take(near, j0 / 2 * N + 2 * z));
                cell[z] = Cell::around(g, &context[z], coders[z].guess(g, &context[z]));
            }
            for z in 0..Z {
                let sure = coders[z].hits(&cell[z]) == !0;
                let (word, e) = match sure {
                    true => coders[z].word::<false>(g, &context[z], &cell[z]),
                    false => coders[z].rare(g, &context[z], cell[z]),
                };
                words[z] =
                    _mm512_or_si512(words[z], if i == 0 { word } else { _mm512_slli_epi32::<16>(word) });
                let e = _mm512_and_si512(_mm512_xor_si512(e, set(BIAS)), set(0xff));
                own[z] = _mm512_or_si512(own[z], _mm512_sll_epi32(e, place));
            }
        }
        for (z, &words) in words.iter().enumerate() {
            put(out, j0 / 2 * N + 2 * z, words);
        }
        if j0 % QUAD != 0 || j0 + TOGETHER >= dim {
            for (z, own) in own.iter_mut().enumerate() {
                put(seen, j0 / QUAD * N + 2 * z, *own);
                *own = zero;
            }
        }
    }
    for h in 0..N {
        let (from, to) = ((8 * h).min(lanes.len()), (8 * h + 8).min(lanes.len()));
        put_words(&out[h..], N, &mut words[from..to]);
        put_innovations(&seen[h..], N, &mut innovations[from..to]);
    }
    lanes.iter().enumerate().all(|(i, l)| coders[i / 16].ended(i % 16, l.stream, dim))
}

/// Sums of dimensions `j` and `j + 1`, `j` even, over all quads before theirs, of rows in four of AVX2's vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn far_of_eights(t: &Tables, j: usize, seen: &[Dwords]) -> [[__m256i; 4]; TOGETHER] {
    let mut eights = [[_mm256_setzero_si256(); 4]; TOGETHER];
    for (i, (eights, sums)) in eights.iter_mut().zip(far::<2, 4>(t, j, seen)).enumerate() {
        // AVX2's sums of the own quad need nothing taken off.
        let own = set(t.vectors.dots.own_bias[j + i]);
        for (eights, sum) in eights.chunks_exact_mut(2).zip(sums) {
            let sum = _mm512_add_epi32(sum, own);
            (eights[0], eights[1]) = (_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64::<1>(sum));
        }
    }
    eights
}

/// Sums of dimensions `j` and `j + 1`, `j` even, over all quads before theirs; less what [`BIAS`] will add in
/// their own quad too.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn far<const Z: usize, const N: usize>(t: &Tables, j: usize, seen: &[Dwords]) -> [[V; Z]; TOGETHER] {
    let mut sum = [[_mm512_setzero_si512(); Z]; TOGETHER];
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum = [set(-t.vectors.dots.bias[j + i] - t.vectors.dots.own_bias[j + i]); Z];
    }
    let (runs, mut rest) = t.vectors.dots.of(j);
    for run in runs {
        let quads = seen[usize::from(run.from) * N..usize::from(run.to) * N].chunks_exact(N);
        let (coefs, more) = rest.split_at(quads.len());
        rest = more;
        for (e, c) in quads.zip(coefs) {
            for (sum, &c) in sum.iter_mut().zip(c) {
                for (z, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm512_dpbusd_epi32(*sum, take(e, 2 * z), set(c));
                }
            }
        }
    }
    sum
}

/// Writes a vector to `at` and the place after it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn put(to: &mut [Dwords], at: usize, v: V) {
    let v = store(v);
    let (low, high) = v.split_at(8);
    to[at].0.copy_from_slice(low);
    to[at + 1].0.copy_from_slice(high);
}
