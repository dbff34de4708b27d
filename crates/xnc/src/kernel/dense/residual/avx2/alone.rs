//! One row: sixteen of its earlier dimensions to a vector. Each word waits for the one before it, so what
//! counts is how soon an innovation reaches the next word; most sums are done while that is waited for.

use super::super::tables::BLOCK;
use super::super::{Lane, Tables, scalar};
use super::cell::{V, store};
use core::arch::x86_64::*;

/// Dimensions that are summed side by side.
const BESIDE: usize = 8;

/// One dimension of a block: what begins at `BLOCK - i` has ones at `i` and zeros else.
static ONE: [i16; 2 * BLOCK] = {
    let mut one = [0; 2 * BLOCK];
    one[BLOCK] = -1;
    one
};

/// Decodes one row. Of `seen`, whole blocks are written.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
pub fn decode(
    t: &Tables,
    lane: &Lane<'_>,
    words: &mut [u16],
    innovations: &mut [i8],
    seen: &mut [i16],
) -> bool {
    let mut row = scalar::Row::new(lane);
    let (seen, _) = seen.as_chunks_mut::<BLOCK>();
    for (b, words) in words.chunks_mut(BLOCK).enumerate() {
        let far = far(t, b, &seen[..b]);
        let mut own = _mm256_setzero_si256();
        // The innovation before a word takes the shortest way; the vector has those before that one.
        let mut last = 0;
        for (i, (word, far)) in words.iter_mut().zip(far).enumerate() {
            let j = b * BLOCK + i;
            let mut dot = far;
            if i > 0 {
                if let Some(coef) = t.coef_of(j).get(b * BLOCK..).and_then(<[i8]>::first_chunk) {
                    let newest = i32::from(coef[i - 1]) * i32::from(last);
                    dot = far.wrapping_add(sum(_mm256_madd_epi16(own, widen(coef)))).wrapping_add(newest);
                }
                own = with(own, i - 1, last);
            }
            (*word, last) = row.word(t, j, dot);
        }
        seen[b] = pairs(with(own, words.len() - 1, last));
    }
    for (to, seen) in innovations.chunks_mut(BLOCK).zip(seen) {
        to.iter_mut().zip(seen).for_each(|(to, e)| *to = *e as i8);
    }
    row.ended()
}

/// Sums of the dimensions of block `b` over the blocks before theirs.
#[inline]
#[target_feature(enable = "avx2")]
fn far(t: &Tables, b: usize, seen: &[[i16; BLOCK]]) -> [i32; BLOCK] {
    let mut sums = [0; BLOCK];
    if t.coef.is_empty() {
        return sums;
    }
    let (dim, first) = (t.dim(), b * BLOCK);
    for (half, to) in sums.chunks_exact_mut(BESIDE).enumerate() {
        // Of the last block, some dimensions may not be there: the last one then stands in for them.
        let mut coefs = [&[][..]; BESIDE];
        for (i, coefs) in coefs.iter_mut().enumerate() {
            let j = (first + half * BESIDE + i).min(dim - 1);
            *coefs = &t.coef_of(j)[..first].as_chunks::<BLOCK>().0[..b];
        }
        let mut sum = [_mm256_setzero_si256(); BESIDE];
        for (k, seen) in seen.iter().enumerate() {
            let seen = load(seen);
            for i in 0..BESIDE {
                sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(widen(&coefs[i][k]), seen));
            }
        }
        to.copy_from_slice(&store(sums_of(&sum)));
    }
    sums
}

/// The sum of each of eight vectors.
#[inline]
#[target_feature(enable = "avx2")]
fn sums_of(v: &[V; BESIDE]) -> V {
    let lower = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    let upper = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    let even = _mm256_permute2x128_si256::<0x20>(lower, upper);
    _mm256_add_epi32(even, _mm256_permute2x128_si256::<0x31>(lower, upper))
}

/// The sum of one.
#[inline]
#[target_feature(enable = "avx2")]
fn sum(v: V) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

/// Puts the innovation of dimension `i` into a block that has none there.
#[inline]
#[target_feature(enable = "avx2")]
fn with(own: V, i: usize, innovation: i8) -> V {
    let place = ONE[BLOCK - i..].first_chunk().expect("as many dimensions as a block has");
    _mm256_or_si256(own, _mm256_and_si256(_mm256_set1_epi16(innovation.into()), load(place)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(of: &[i16; BLOCK]) -> V {
    // SAFETY: sixteen words are one vector.
    unsafe { _mm256_loadu_si256(of.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn widen(of: &[i8; BLOCK]) -> V {
    // SAFETY: sixteen bytes are half a vector.
    unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(of.as_ptr().cast())) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn pairs(v: V) -> [i16; BLOCK] {
    let mut of = [0; BLOCK];
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(of.as_mut_ptr().cast(), v) };
    of
}
