//! The slots of words that are known, eight rows to a vector: the steps of decoding, without a search.
use super::super::vectors::dots::{QUAD, TOGETHER};
use super::super::vectors::scratch::{Dwords, Side};
use super::super::{Given, Lane, PIECES, PLAIN_BITS, SLOT_BITS, Tables, scalar};
use super::cell::{Cell, Context, V, load, set, store};
use super::coder::{Eight, Group};
use super::dot;
use super::transpose::{put_dwords, put_pairs, take_rows};
use core::arch::x86_64::*;

/// Dimensions whose words are brought together, and their slots apart again, at a time.
const BLOCK: usize = 16;

/// Sums over the earlier dimensions of four vectors of rows, by other instructions than AVX2's.
pub type Far = fn(&Tables, usize, &[Dwords]) -> [[V; 4]; TOGETHER];

/// Encodes up to [`ROWS`](super::ROWS) rows, in as few vectors as hold them.
#[target_feature(enable = "avx2")]
pub fn encode(t: &Tables, rows: &mut [Given<'_>], side: &mut Side, far: Option<Far>) {
    let slots = rows.iter().any(|row| !row.slots.is_empty());
    match (rows.len().div_ceil(8), slots) {
        (0 | 1, false) => group::<1, false>(t, rows, side, far),
        (0 | 1, true) => group::<1, true>(t, rows, side, far),
        (2, false) => group::<2, false>(t, rows, side, far),
        (2, true) => group::<2, true>(t, rows, side, far),
        (_, false) => group::<4, false>(t, rows, side, far),
        (_, true) => group::<4, true>(t, rows, side, far),
    }
}

/// Up to `8 * N` rows; `SLOTS`: slots are asked for, not innovations alone.
#[target_feature(enable = "avx2")]
fn group<const N: usize, const SLOTS: bool>(
    t: &Tables,
    rows: &mut [Given<'_>],
    side: &mut Side,
    other: Option<Far>,
) {
    let dim = t.dim();
    let Side { bytes, stride, near, seen, row, .. } = side;
    let lanes: Vec<Lane<'_>> = rows.iter().map(|row| row.lane).collect();
    let g = Group { tables: t, bytes, half: scalar::half(t) };
    let eights: [Eight; N] = core::array::from_fn(|h| {
        let lanes = lanes.get(8 * h..).unwrap_or_default();
        Eight::new(g, lanes, 8 * h * *stride, *stride)
    });
    super::weigh::<N>(&lanes, row, near);
    let zero = _mm256_setzero_si256();
    let mut own = [zero; N];
    for first in (0..dim).step_by(BLOCK) {
        let end = dim.min(first + BLOCK);
        let mut given = [[zero; BLOCK / 2]; N];
        for (h, given) in given.iter_mut().enumerate() {
            *given = take_rows(rows.iter().skip(8 * h).map(|row| row.words), first);
        }
        let mut block = Block { ranges: [[zero; BLOCK]; N], rest: [[zero; BLOCK / 2]; N] };
        for j0 in (first..end).step_by(TOGETHER) {
            let far = match other {
                Some(other) if N == 4 => other(t, j0, seen).map(|far| core::array::from_fn(|h| far[h])),
                _ => dot::far::<N>(t, j0, seen),
            };
            let near: &[Dwords; N] = near[j0 / 2 * N..][..N].try_into().expect("N vectors");
            for (i, far) in far.iter().enumerate().take(dim - j0) {
                let j = j0 + i;
                let step = dot::Step { j, far, own: &own, near };
                let place = _mm_cvtsi32_si128(8 * (j % QUAD) as i32);
                let mut e = [zero; N];
                let mut h = 0;
                while h < N {
                    // Two vectors share the look-ups of their cells.
                    let here = Place { i, pair: (j0 - first) / 2, h };
                    match N - h {
                        1 => words::<N, 1, SLOTS>(g, &here, &step, &eights, &given, &mut e, &mut block),
                        _ => words::<N, 2, SLOTS>(g, &here, &step, &eights, &given, &mut e, &mut block),
                    }
                    h += 2;
                }
                for h in 0..N {
                    own[h] =
                        _mm256_or_si256(own[h], _mm256_sll_epi32(_mm256_and_si256(e[h], set(0xff)), place));
                }
            }
            if j0 % QUAD != 0 || j0 + TOGETHER >= dim {
                for h in 0..N {
                    seen[j0 / QUAD * N + h].0 =
                        store(_mm256_xor_si256(own[h], set(i32::from_ne_bytes([0x80; 4]))));
                    own[h] = zero;
                }
            }
        }
        if SLOTS {
            for (h, rows) in rows.chunks_mut(8).enumerate() {
                put_dwords(&block.ranges[h], rows.iter_mut().map(|row| behind(row.slots.ranges, first)));
                put_pairs(&block.rest[h], rows.iter_mut().map(|row| behind(row.slots.rest, first)));
            }
        }
    }
    for (h, rows) in rows.chunks_mut(8).enumerate() {
        let mut innovations: Vec<&mut [i8]> = rows.iter_mut().map(|row| &mut *row.innovations).collect();
        super::put_innovations(&seen[h..], N, &mut innovations);
    }
}

/// Slots of a block of dimensions, by vector of rows; the rest in pairs of dimensions.
struct Block<const N: usize> {
    ranges: [[V; BLOCK]; N],
    rest: [[V; BLOCK / 2]; N],
}

/// Which dimension of its pair, which pair of its block, and the first vector of rows.
struct Place {
    i: usize,
    pair: usize,
    h: usize,
}

/// Encodes a word of each row of `P` vectors: puts innovations into `e`, and slots where they belong.
#[inline]
#[target_feature(enable = "avx2")]
fn words<const N: usize, const P: usize, const SLOTS: bool>(
    g: Group<'_>,
    &Place { i, pair, h }: &Place,
    step: &dot::Step<'_, N>,
    eights: &[Eight; N],
    given: &[[V; BLOCK / 2]; N],
    e: &mut [V; N],
    block: &mut Block<N>,
) {
    let mut context = [Context::EMPTY; P];
    let (mut v, mut fits) = ([set(0); P], [set(0); P]);
    for p in 0..P {
        context[p] = eights[h + p].context(g, step.j, step.dot(g.tables, h + p), load(&step.near[h + p].0));
        let word = match i {
            0 => _mm256_and_si256(given[h + p][pair], set(0xffff)),
            _ => _mm256_srli_epi32::<16>(given[h + p][pair]),
        };
        (v[p], fits[p]) = floor_of(word, &context[p], g.tables.mantissa as i32);
        e[h + p] = eights[h + p].innovation(&context[p], v[p]);
    }
    if SLOTS {
        for (p, (range, rest)) in slots::<P>(g, &context, &v, &fits).into_iter().enumerate() {
            block.ranges[h + p][2 * pair + i] = range;
            let rest = if i == 0 { rest } else { _mm256_slli_epi32::<16>(rest) };
            block.rest[h + p][pair] = _mm256_or_si256(block.rest[h + p][pair], rest);
        }
    }
}

/// What follows the first `first` items; nothing of what is empty.
fn behind<T>(row: &mut [T], first: usize) -> &mut [T] {
    let first = first.min(row.len());
    &mut row[first..]
}

/// The words' values in whole units towards zero, negative ones less one; and whether a cell can hold them.
#[inline]
#[target_feature(enable = "avx2")]
fn floor_of(word: V, c: &Context, mantissa: i32) -> (V, V) {
    let (zero, m) = (_mm256_setzero_si256(), _mm_cvtsi32_si128(mantissa));
    let magnitude = _mm256_and_si256(word, set(0x7fff));
    let field = _mm256_srl_epi32(magnitude, m);
    let sign = _mm256_cmpgt_epi32(word, set(0x7fff));
    // The unit of a context is one less.
    let octave = _mm256_sub_epi32(_mm256_sub_epi32(field, c.unit), set(1));
    let none = _mm256_or_si256(_mm256_cmpeq_epi32(field, zero), _mm256_cmpgt_epi32(zero, octave));
    let far = _mm256_andnot_si256(none, _mm256_cmpgt_epi32(octave, set(22)));
    let full = _mm256_add_epi32(_mm256_and_si256(magnitude, set((1 << mantissa) - 1)), set(1 << mantissa));
    // A shift by a negative count gives zero, so one of the two does nothing.
    let up = _mm256_sub_epi32(octave, set(mantissa));
    let a = _mm256_or_si256(_mm256_sllv_epi32(full, up), _mm256_srlv_epi32(full, _mm256_sub_epi32(zero, up)));
    let a = _mm256_blendv_epi8(_mm256_andnot_si256(none, a), set((1 << 23) - 1), far);
    (_mm256_xor_si256(a, sign), _mm256_xor_si256(_mm256_or_si256(none, far), set(-1)))
}

/// [`Slots::ranges`](super::super::Slots::ranges) of words of value `v`, and the rest.
#[inline]
#[target_feature(enable = "avx2")]
fn slots<const P: usize>(g: Group<'_>, c: &[Context; P], v: &[V; P], fits: &[V; P]) -> [(V, V); P] {
    let cells = Cell::around(g.tables, g.half, c, v);
    let mut found = [(set(0), set(0)); P];
    for p in 0..P {
        let (c, cell) = (&c[p], &cells[p]);
        let number = _mm256_sub_epi32(cell.high, cell.low);
        let some = _mm256_and_si256(_mm256_cmpgt_epi32(number, set(0)), _mm256_cmpgt_epi32(cell.a, set(0)));
        let coded = _mm256_and_si256(fits[p], some);
        let low = _mm256_blendv_epi8(set(2 * g.half), cell.low, coded);
        let number = _mm256_blendv_epi8(set(65536 - 2 * g.half), number, coded);
        let above = _mm256_slli_epi32::<{ SLOT_BITS as i32 }>(_mm256_sub_epi32(number, set(1)));
        let missing = _mm256_sub_epi32(_mm256_add_epi32(cell.open, set(g.tables.mantissa as i32)), cell.n);
        let plain = _mm256_blendv_epi8(set(16), _mm256_max_epi32(missing, set(0)), coded);
        let away = _mm256_sub_epi32(v[p], c.all);
        let near = _mm256_cmpgt_epi32(c.bound, _mm256_abs_epi32(away));
        let piece = _mm256_srli_epi32::<24>(c.distance(away));
        let piece = _mm256_blendv_epi8(set(PIECES as i32), piece, near);
        let piece = _mm256_slli_epi32::<{ PLAIN_BITS as i32 }>(piece);
        found[p] = (_mm256_or_si256(low, above), _mm256_or_si256(plain, piece));
    }
    found
}
