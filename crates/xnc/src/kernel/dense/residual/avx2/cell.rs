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

/// `table[k]` for bytes `k` below [`PIECES`]: of four parts of sixteen entries, three give zero.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up(table: &[u8; PIECES], parts: &[V; 4]) -> V {
    let mut found = _mm256_setzero_si256();
    for (entries, &k) in table.as_chunks::<16>().0.iter().zip(parts) {
        // SAFETY: sixteen bytes are half a vector.
        let entries = unsafe { _mm_loadu_si128(entries.as_ptr().cast()) };
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), k));
    }
    found
}

/// `v`, negated where `sign` is all ones.
#[inline]
#[target_feature(enable = "avx2")]
fn signed(v: V, sign: V) -> V {
    _mm256_sub_epi32(_mm256_xor_si256(v, sign), sign)
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
    // SAFETY: a vector is eight dwords of any bit pattern.
    pub const EMPTY: Context = unsafe { core::mem::zeroed() };

    /// Distance of an edge that lies `d` from the prediction, in 2^-27 deviations: below 2^30, so the upper
    /// byte is its piece.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn distance(&self, d: V) -> V {
        let a = _mm256_abs_epi32(d);
        let near = _mm256_cmpgt_epi32(self.bound, a);
        _mm256_blendv_epi8(set((1 << 30) - 1), _mm256_mullo_epi32(a, self.inverse), near)
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

    /// The cells around `at`, one or two vectors of them; `half` slots are on either side of a prediction.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn around<const P: usize>(t: &Tables, half: i32, c: &[Context; P], at: &[V; P]) -> [Cell; P] {
        const { assert!(P == 1 || P == 2) };
        let zero = _mm256_setzero_si256();
        let mut cells = [Cell::EMPTY; P];
        let (mut signs, mut within) = ([zero; P], [zero; P]);
        let mut pieces = zero;
        for p in 0..P {
            cells[p] = Cell::at(t, &c[p], at[p]);
            let low = _mm256_sub_epi32(cells[p].low_edge, c[p].all);
            let high = _mm256_sub_epi32(cells[p].high_edge, c[p].all);
            signs[p] = _mm256_packs_epi32(low, high);
            // Bits 8 to 23 of each distance to the lower half, where four lower edges stand before four upper
            // ones; the upper byte above.
            let take = _mm256_setr_epi8(
                1, 2, 5, 6, 9, 10, 13, 14, 3, 7, 11, 15, -1, -1, -1, -1, //
                1, 2, 5, 6, 9, 10, 13, 14, 3, 7, 11, 15, -1, -1, -1, -1,
            );
            let low = _mm256_shuffle_epi8(c[p].distance(low), take);
            let high = _mm256_shuffle_epi8(c[p].distance(high), take);
            // Only 13 bits belong to the distance within a piece; they stand eightfold.
            within[p] = _mm256_and_si256(_mm256_unpacklo_epi64(low, high), _mm256_set1_epi16(!7));
            let piece = _mm256_unpackhi_epi32(low, high);
            pieces = if p == 0 { piece } else { _mm256_unpacklo_epi64(pieces, piece) };
        }
        let mut parts = [pieces; 4];
        for (part, k) in parts.iter_mut().enumerate() {
            // Entries of other parts get the upper bit, for which a shuffle gives zero.
            *k = _mm256_xor_si256(*k, _mm256_set1_epi8(16 * part as i8));
            *k = _mm256_adds_epu8(*k, _mm256_set1_epi8(0x70));
        }
        let mut found = [zero; 4];
        for (found, table) in found.iter_mut().zip(&t.vectors.planes) {
            *found = look_up(table, &parts);
        }
        let [start_low, start_high, width_low, width_high] = found;
        for p in 0..P {
            let (start, width) = if p == 0 {
                (_mm256_unpacklo_epi8(start_low, start_high), _mm256_unpacklo_epi8(width_low, width_high))
            } else {
                (_mm256_unpackhi_epi8(start_low, start_high), _mm256_unpackhi_epi8(width_low, width_high))
            };
            let f = _mm256_add_epi16(start, _mm256_mulhi_epu16(within[p], width));
            let slots = _mm256_add_epi16(_mm256_set1_epi16(half as i16), _mm256_sign_epi16(f, signs[p]));
            cells[p].low = _mm256_unpacklo_epi16(slots, zero);
            cells[p].high = _mm256_unpackhi_epi16(slots, zero);
        }
        cells
    }

    /// Everything but the slots.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn at(t: &Tables, c: &Context, at: V) -> Cell {
        let sign = _mm256_srai_epi32::<31>(at);
        let a = _mm256_xor_si256(at, sign);
        // Below 2^24 conversion is exact: the exponent is the place of the leading one.
        let exponent = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_or_si256(a, set(1))));
        let n = _mm256_sub_epi32(_mm256_srli_epi32::<23>(exponent), set(127));
        let open = _mm256_max_epi32(_mm256_sub_epi32(n, set(t.mantissa as i32)), c.coarse);
        let a = _mm256_srlv_epi32(a, open);
        let near = signed(_mm256_sllv_epi32(a, open), sign);
        let end = signed(_mm256_sllv_epi32(_mm256_add_epi32(a, set(1)), open), sign);
        let (low_edge, high_edge) = (_mm256_min_epi32(near, end), _mm256_max_epi32(near, end));
        Cell { a, n, open, sign, low_edge, high_edge, low: near, high: near }
    }
}
