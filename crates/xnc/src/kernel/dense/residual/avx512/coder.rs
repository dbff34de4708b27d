//! Coder states of sixteen rows, and the words that come out of them.
use super::super::tables::GUESSES;
use super::super::vectors::rows::{Parameters, readable};
use super::super::{INNOVATION_LIMIT, INVERSE, Lane, SCALE, Tables, scalar};
use super::cell::{Cell, Context, Half, V, load, set, store};
use core::arch::x86_64::*;

/// What all rows of a group share: the table, the copied streams, the distribution.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub tables: &'a Tables,
    pub bytes: &'a [u8],
    pub half: Half,
}

/// Sixteen rows' parameters and coder states.
#[derive(Clone, Copy)]
pub struct Sixteen {
    octave: V,
    scale: V,
    /// In both halves.
    inverse: V,
    lift: V,
    /// Where the streams end, in [`Group::bytes`].
    ends: V,
    /// The coder's states.
    x: V,
    /// Where the next coder words lie.
    at: V,
    /// The next two of them.
    next: V,
}

impl Sixteen {
    /// `lanes` are at most sixteen rows; their streams begin `stride` apart in `bytes`, the first at `begin`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn new(g: Group<'_>, lanes: &[Lane<'_>], begin: usize, stride: usize) -> Sixteen {
        let p = Parameters::<16>::new(lanes, g.tables.dim(), begin, stride);
        let of_part = |table: [i32; 8]| load(&p.part.map(|part| table[part as usize]));
        let mut coder = Sixteen {
            octave: load(&p.octave),
            scale: of_part(SCALE),
            inverse: of_part(INVERSE.map(|inverse| inverse << 16 | inverse)),
            lift: load(&p.lift),
            ends: load(&p.ends),
            x: load(&p.state),
            at: load(&p.at),
            next: set(0),
        };
        coder.fetch(g);
        coder
    }

    /// Whether row `i` ended where its stream, of `bytes` bytes, does.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn ended(&self, i: usize, stream: &[u8], dim: usize) -> bool {
        let done = store(self.x)[i] == 0 && store(self.at)[i] == store(self.ends)[i];
        done && stream.len() == readable(stream, dim)
    }

    /// Reads the next coder words. Of more than two a step, as escapes may take, the caller fetches in
    /// between.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn fetch(&mut self, g: Group<'_>) {
        // SAFETY: `at` begins inside `bytes` and never passes `ends`, behind each of which `bytes` extends
        // four bytes.
        self.next = unsafe { _mm512_i32gather_epi32::<1>(self.at, g.bytes.as_ptr().cast()) };
    }

    /// Appends a coder word to each of `lanes` whose state fell below 2^16 while words remain.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn refill(&mut self, lanes: __mmask16) {
        let low = _mm512_mask_cmplt_epu32_mask(lanes, self.x, set(1 << 16));
        let need = _mm512_mask_cmplt_epi32_mask(low, self.at, self.ends);
        let word = _mm512_and_si512(self.next, set(0xffff));
        self.x = _mm512_mask_or_epi32(self.x, need, _mm512_slli_epi32::<16>(self.x), word);
        self.next = _mm512_mask_srli_epi32::<16>(self.next, need, self.next);
        self.at = _mm512_mask_add_epi32(self.at, need, self.at, set(2));
    }

    /// Predicts word `j` from the sum over the row's own dimensions, `dot`, and the weighted innovations of
    /// other rows, `near`: a pair of dimensions, of which `j` is one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn context(&self, g: Group<'_>, j: usize, dot: V, near: V) -> Context {
        let t = g.tables;
        // Factors of 15 bits and fewer: the multiplication of 16-bit halves is exact and cheaper.
        let scale = _mm512_srai_epi32::<14>(_mm512_madd_epi16(self.scale, set(t.scale[j])));
        // The column's has up to 16 bits: its two halves are multiplied side by side, and added.
        let halves = t.inverse[j] >> 1 | (t.inverse[j] + 1) >> 1 << 16;
        let inverse = _mm512_srai_epi32::<14>(_mm512_madd_epi16(self.inverse, set(halves)));
        let bound = _mm512_slli_epi32::<3>(scale);
        let own = _mm512_sra_epi32(_mm512_mullo_epi32(dot, scale), _mm_cvtsi32_si128(4 + t.shift[j] as i32));
        let mean = _mm512_srav_epi32(set(t.mean[j]), self.octave);
        let own = _mm512_add_epi32(mean, _mm512_sllv_epi32(own, self.lift));
        let half = if j.is_multiple_of(2) { scale } else { _mm512_slli_epi32::<16>(scale) };
        let near = _mm512_srai_epi32::<9>(_mm512_madd_epi16(near, half));
        let all = _mm512_add_epi32(own, _mm512_sllv_epi32(near, self.lift));
        let all = _mm512_max_epi32(_mm512_min_epi32(all, set(1 << 23)), set(-(1 << 23)));
        // At the bound the piece is 63 or 64, and from 36 on cells are as coarse as they get.
        let far = _mm512_min_epu32(_mm512_abs_epi32(all), bound);
        let piece = _mm512_srli_epi32::<24>(_mm512_mullo_epi32(far, inverse));
        let coarse =
            _mm512_min_epi32(_mm512_srli_epi32::<7>(_mm512_madd_epi16(piece, piece)), set(scalar::COARSEST));
        let unit = _mm512_add_epi32(self.octave, set(t.unit[j] - 1));
        Context { own, all, inverse, bound, unit, coarse }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn slot(&self) -> V {
        _mm512_and_si512(self.x, set(0xffff))
    }

    /// The value that the state's slot most likely stands for: by the inverted distribution.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn guess(&self, g: Group<'_>, c: &Context) -> V {
        let rest = _mm512_sub_epi32(self.slot(), set(g.half.slots));
        let below = _mm512_srai_epi32::<31>(rest);
        let slot = _mm512_and_si512(_mm512_xor_si512(rest, below), set(GUESSES as i32 - 1));
        // SAFETY: the mask keeps every number inside the table.
        let far = unsafe { _mm512_i32gather_ps::<4>(slot, g.tables.guess.as_ptr()) };
        // Dividing by what distances are multiplied with is what makes guesses right; it waits for nothing.
        let unit = _mm512_div_ps(_mm512_set1_ps(1.0), _mm512_cvtepi32_ps(c.inverse));
        let away = _mm512_cvttps_epi32(_mm512_mul_ps(far, unit));
        _mm512_add_epi32(c.all, _mm512_xor_si512(away, below))
    }

    /// Lanes whose slot lies in the cell; no escape does.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn hits(&self, cell: &Cell) -> __mmask16 {
        let slot = self.slot();
        _mm512_mask_cmplt_epi32_mask(_mm512_cmple_epi32_mask(cell.low, slot), slot, cell.high)
    }

    /// Lanes of escapes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn escapes(&self, g: Group<'_>) -> __mmask16 {
        _mm512_cmpge_epi32_mask(self.slot(), set(2 * g.half.slots))
    }

    /// As [`Sixteen::word`], from where cells do not enclose their slots yet, or some may be escapes.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn rare(&mut self, g: Group<'_>, c: &Context, mut here: Cell) -> (V, V) {
        let (slot, escape) = (self.slot(), self.escapes(g));
        loop {
            let left = _mm512_mask_cmpgt_epi32_mask(!escape, here.low, slot);
            let right = _mm512_mask_cmple_epi32_mask(!escape, here.high, slot);
            if left | right == 0 {
                return self.word::<true>(g, c, &here);
            }
            let at = _mm512_mask_sub_epi32(here.low_edge, left, here.low_edge, set(1));
            here = Cell::around(g, c, _mm512_mask_mov_epi32(at, right, here.high_edge));
        }
    }

    /// Takes the words out of the states; returns them and the innovations. `ESCAPES`: some may be escapes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub fn word<const ESCAPES: bool>(&mut self, g: Group<'_>, c: &Context, cell: &Cell) -> (V, V) {
        let m = g.tables.mantissa as i32;
        let slot = self.slot();
        let &Cell { a, n, open, sign, mut low, high, .. } = cell;
        let mut f = _mm512_sub_epi32(high, low);
        // Mantissa bits that a cell leaves open follow as they are: none where `open` follows from `n`, never
        // fewer.
        let mut missing = _mm512_min_epi32(_mm512_sub_epi32(_mm512_add_epi32(open, set(m)), n), set(m));
        let escape = if ESCAPES { self.escapes(g) } else { 0 };
        if ESCAPES {
            low = _mm512_mask_mov_epi32(low, escape, set(2 * g.half.slots));
            f = _mm512_mask_mov_epi32(f, escape, set(65536 - 2 * g.half.slots));
            missing = _mm512_mask_mov_epi32(missing, escape, set(0));
        }
        let full = _mm512_mullo_epi32(f, _mm512_srli_epi32::<16>(self.x));
        self.x = _mm512_add_epi32(full, _mm512_sub_epi32(slot, low));
        self.refill(!0);
        // The leading one is the cell's, which the guess may lie above where the cell reaches zero.
        let n = _mm512_maskz_mov_epi32(_mm512_test_epi32_mask(a, a), n);
        let plain = _mm512_andnot_si512(_mm512_sllv_epi32(set(-1), missing), self.x);
        let fraction = _mm512_or_si512(_mm512_sllv_epi32(a, missing), plain);
        self.x = _mm512_srlv_epi32(self.x, missing);
        self.refill(_mm512_test_epi32_mask(missing, missing));
        let exponent = _mm512_add_epi32(c.unit, n);
        let word = _mm512_add_epi32(_mm512_sll_epi32(exponent, _mm_cvtsi32_si128(m)), fraction);
        let mut word =
            _mm512_or_si512(_mm512_and_si512(word, set(0x7fff)), _mm512_and_si512(sign, set(0x8000)));
        // A shift by a negative count gives zero, so one of the two does nothing.
        let up = _mm512_sub_epi32(n, set(m));
        let value = _mm512_or_si512(
            _mm512_sllv_epi32(fraction, up),
            _mm512_srlv_epi32(fraction, _mm512_sub_epi32(set(0), up)),
        );
        let mut value = _mm512_xor_si512(value, sign);
        if ESCAPES && escape != 0 {
            let plain = self.slot();
            self.x = _mm512_mask_srli_epi32::<16>(self.x, escape, self.x);
            self.refill(escape);
            word = _mm512_mask_mov_epi32(word, escape, plain);
            let (w, u) = (store(word), store(c.unit));
            let v = core::array::from_fn(|i| scalar::floor_of(w[i] as u16, u[i].wrapping_add(1), m as u32).0);
            value = _mm512_mask_mov_epi32(value, escape, load(&v));
        }
        // No row took more than the two coder words that were at hand.
        self.fetch(g);
        let d = _mm512_srav_epi32(_mm512_sub_epi32(value, c.own), self.lift);
        let d = _mm512_max_epi32(_mm512_min_epi32(d, c.bound), _mm512_sub_epi32(set(0), c.bound));
        let e = _mm512_srai_epi32::<23>(_mm512_add_epi32(_mm512_mullo_epi32(d, c.inverse), set(1 << 22)));
        (word, _mm512_max_epi32(_mm512_min_epi32(e, set(INNOVATION_LIMIT)), set(-INNOVATION_LIMIT)))
    }
}
