//! Cells of sixteen rows: where they end, and which slots they own.
use super::super::vectors::scratch::Dwords;
use super::super::{PIECES, Tables, scalar};
use super::coder::Group;
use core::arch::x86_64::*;

pub type V = __m512i;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn set(v: i32) -> V {
    _mm512_set1_epi32(v)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn load(v: &[i32; 16]) -> V {
    // SAFETY: sixteen dwords are one vector.
    unsafe { _mm512_loadu_epi32(v.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn store(v: V) -> [i32; 16] {
    let mut to = [0; 16];
    // SAFETY: sixteen dwords are one vector.
    unsafe { _mm512_storeu_epi32(to.as_mut_ptr(), v) };
    to
}

/// The vector at `at` and the place after it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub fn take(from: &[Dwords], at: usize) -> V {
    let pair: &[Dwords; 2] = from[at..].first_chunk().expect("two of them");
    // SAFETY: two of them are sixteen dwords, one vector.
    unsafe { _mm512_loadu_epi32(pair.as_ptr().cast()) }
}

/// A half of the distribution.
#[derive(Clone, Copy)]
pub struct Half {
    /// Starts of the pieces and their widths, 32 words of each to a vector.
    starts: [V; 2],
    widths: [V; 2],
    /// Slots on either side of a prediction.
    pub slots: i32,
}

impl Half {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn new(t: &Tables) -> Half {
        let words = |v: [u16; 32]| {
            // SAFETY: 32 words are one vector.
            unsafe { _mm512_loadu_epi16(v.as_ptr().cast()) }
        };
        const { assert!(PIECES == 64) };
        let part = |from: usize| core::array::from_fn(|k| t.pieces[from + k]);
        let width = |from: usize| core::array::from_fn(|k| t.pieces[from + k + 1] - t.pieces[from + k]);
        Half {
            starts: [words(part(0)), words(part(32))],
            widths: [words(width(0)), words(width(32))],
            slots: scalar::half(t),
        }
    }
}

/// What one step knows before the word.
#[derive(Clone, Copy)]
pub struct Context {
    pub own: V,
    pub all: V,
    pub inverse: V,
    pub bound: V,
    /// Exponent field of a value of one unit, less one.
    pub unit: V,
    pub coarse: V,
}

impl Context {
    /// To be written over.
    // SAFETY: a vector is sixteen dwords of any bit pattern.
    pub const EMPTY: Context = unsafe { core::mem::zeroed() };

    /// Distance of an edge that lies `d` from the prediction, in 2^-27 deviations: below 2^30, so the upper
    /// byte is its piece.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn distance(&self, d: V) -> V {
        let a = _mm512_abs_epi32(d);
        let near = _mm512_cmplt_epi32_mask(a, self.bound);
        _mm512_mask_mullo_epi32(set((1 << 30) - 1), near, a, self.inverse)
    }
}

/// Cells of sixteen rows: leading bits, place of the leading one, bits left out, sign, edges, slots.
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
    // SAFETY: a vector is sixteen dwords of any bit pattern.
    pub const EMPTY: Cell = unsafe { core::mem::zeroed() };

    /// The cells around `at`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn around(g: Group<'_>, c: &Context, at: V) -> Cell {
        let sign = _mm512_srai_epi32::<31>(at);
        let a = _mm512_xor_si512(at, sign);
        // Below 2^24 conversion is exact: the exponent is the place of the leading one.
        let exponent = _mm512_castps_si512(_mm512_cvtepi32_ps(_mm512_or_si512(a, set(1))));
        let n = _mm512_sub_epi32(_mm512_srli_epi32::<23>(exponent), set(127));
        let open = _mm512_max_epi32(_mm512_sub_epi32(n, set(g.tables.mantissa as i32)), c.coarse);
        let a = _mm512_srlv_epi32(a, open);
        let negative = _mm512_movepi32_mask(at);
        let signed = |v: V| _mm512_mask_sub_epi32(v, negative, set(0), v);
        let near = signed(_mm512_sllv_epi32(a, open));
        let end = signed(_mm512_sllv_epi32(_mm512_add_epi32(a, set(1)), open));
        let (low_edge, high_edge) = (_mm512_min_epi32(near, end), _mm512_max_epi32(near, end));

        // Lower edges in the even words, upper ones in the odd.
        let (to_low, to_high) = (_mm512_sub_epi32(low_edge, c.all), _mm512_sub_epi32(high_edge, c.all));
        let (low, high) = (c.distance(to_low), c.distance(to_high));
        let beside = |low: V, high: V| _mm512_mask_blend_epi16(0xaaaa_aaaa, low, high);
        let piece = beside(_mm512_srli_epi32::<24>(low), _mm512_srli_epi32::<8>(high));
        // The 13 bits of the distance within a piece, eightfold.
        let within = beside(_mm512_srli_epi32::<8>(low), _mm512_slli_epi32::<8>(high));
        let within = _mm512_and_si512(within, _mm512_set1_epi16(!7));
        let h = &g.half;
        let start = _mm512_permutex2var_epi16(h.starts[0], piece, h.starts[1]);
        let width = _mm512_permutex2var_epi16(h.widths[0], piece, h.widths[1]);
        let f = _mm512_add_epi16(start, _mm512_mulhi_epu16(within, width));
        let slots = |f: V, d: V| {
            let half = set(h.slots);
            _mm512_mask_sub_epi32(_mm512_add_epi32(half, f), _mm512_movepi32_mask(d), half, f)
        };
        let low = slots(_mm512_and_si512(f, set(0xffff)), to_low);
        let high = slots(_mm512_srli_epi32::<16>(f), to_high);
        Cell { a, n, open, sign, low_edge, high_edge, low, high }
    }
}
