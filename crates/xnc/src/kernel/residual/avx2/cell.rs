//! Cells of eight rows: where they end, and which slots they own.
use super::super::{PIECES, Tables};
use core::arch::x86_64::*;

pub type V = __m256i;

#[inline]
#[target_feature(enable = "avx2")]
pub fn set(v: i32) -> V {
    _mm256_set1_epi32(v)
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn load(v: &[i32; 8]) -> V {
    // SAFETY: eight dwords are one vector.
    unsafe { _mm256_loadu_si256(v.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn store(v: V) -> [i32; 8] {
    let mut to = [0; 8];
    // SAFETY: eight dwords are one vector.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), v) };
    to
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn any(mask: V) -> bool {
    _mm256_movemask_epi8(mask) != 0
}

/// `a` where the sign of `by` is clear, `b` where it is set.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: V, b: V, by: V) -> V {
    let (a, b, by) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), _mm256_castsi256_ps(by));
    _mm256_castps_si256(_mm256_blendv_ps(a, b, by))
}

/// `table[k]` for `k` below [`PIECES`]: eight permutations take less time than one gather.
#[inline]
#[target_feature(enable = "avx2")]
fn piece(table: &[u32; PIECES], k: V) -> V {
    let part = |i: usize| {
        // SAFETY: `PIECES` is 64, eight vectors of eight dwords.
        let part = unsafe { _mm256_loadu_si256(table.as_ptr().cast::<V>().add(i)) };
        _mm256_permutevar8x32_epi32(part, k)
    };
    let (b3, b4, b5) = (_mm256_slli_epi32::<28>(k), _mm256_slli_epi32::<27>(k), _mm256_slli_epi32::<26>(k));
    let lower = choose(choose(part(0), part(1), b3), choose(part(2), part(3), b3), b4);
    let upper = choose(choose(part(4), part(5), b3), choose(part(6), part(7), b3), b4);
    choose(lower, upper, b5)
}

/// `v`, negated where `sign` is all ones.
#[inline]
#[target_feature(enable = "avx2")]
fn signed(v: V, sign: V) -> V {
    _mm256_sub_epi32(_mm256_xor_si256(v, sign), sign)
}

#[inline]
#[target_feature(enable = "avx2")]
pub fn distance(d: V, bound: V, inverse: V) -> V {
    let a = _mm256_abs_epi32(d);
    let near = _mm256_cmpgt_epi32(bound, a);
    let r = _mm256_srli_epi32::<11>(_mm256_mullo_epi32(a, inverse));
    _mm256_min_epu32(_mm256_or_si256(r, _mm256_xor_si256(near, set(-1))), set((PIECES << 13) as i32 - 1))
}

/// What one step knows before the word.
#[derive(Clone, Copy)]
pub struct Context {
    pub own: V,
    pub all: V,
    pub inverse: V,
    pub bound: V,
    pub unit: V,
    pub coarse: V,
}

impl Context {
    /// To be written over.
    // SAFETY: a vector is eight dwords of any bit pattern.
    pub const EMPTY: Context = unsafe { core::mem::zeroed() };

    /// Slots below `edge`; `half` are those on either side of the prediction.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn cdf(&self, t: &Tables, half: V, edge: V) -> V {
        let d = _mm256_sub_epi32(edge, self.all);
        let r = distance(d, self.bound, self.inverse);
        let piece = piece(&t.packed, _mm256_srli_epi32::<13>(r));
        let low = _mm256_and_si256(piece, set(0xffff));
        // Products of 13 and 15 bits: the multiplication of 16-bit halves is exact and cheaper.
        let rise = _mm256_madd_epi16(_mm256_and_si256(r, set(8191)), _mm256_srli_epi32::<16>(piece));
        let f = _mm256_add_epi32(low, _mm256_srli_epi32::<13>(rise));
        _mm256_add_epi32(half, signed(f, _mm256_srai_epi32::<31>(d)))
    }

    /// The cells around `at`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn cell(&self, t: &Tables, half: V, at: V) -> Cell {
        let sign = _mm256_srai_epi32::<31>(at);
        let a = _mm256_xor_si256(at, sign);
        // Below 2^24 conversion is exact: the exponent is the place of the leading one.
        let exponent = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_or_si256(a, set(1))));
        let n = _mm256_sub_epi32(_mm256_srli_epi32::<23>(exponent), set(127));
        let open = _mm256_max_epi32(_mm256_sub_epi32(n, set(t.mantissa as i32)), self.coarse);
        let a = _mm256_srlv_epi32(a, open);
        let near = signed(_mm256_sllv_epi32(a, open), sign);
        let end = signed(_mm256_sllv_epi32(_mm256_add_epi32(a, set(1)), open), sign);
        let (low_edge, high_edge) = (_mm256_min_epi32(near, end), _mm256_max_epi32(near, end));
        let (low, high) = (self.cdf(t, half, low_edge), self.cdf(t, half, high_edge));
        Cell { a, n, open, sign, low_edge, high_edge, low, high }
    }
}

/// Cells of eight rows: leading bits, place of the leading one, bits left out, sign, edges, slots.
#[derive(Clone, Copy)]
pub struct Cell {
    pub a: V,
    pub n: V,
    pub open: V,
    pub sign: V,
    pub low_edge: V,
    pub high_edge: V,
    pub low: V,
    pub high: V,
}

impl Cell {
    /// To be written over.
    // SAFETY: a vector is eight dwords of any bit pattern.
    pub const EMPTY: Cell = unsafe { core::mem::zeroed() };
}
