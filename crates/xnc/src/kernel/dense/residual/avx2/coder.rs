//! Coder states of eight rows, and the words that come out of them.
use super::super::tables::GUESSES;
use super::super::vectors::rows::{Parameters, readable};
use super::super::{INNOVATION_LIMIT, INVERSE, Lane, SCALE, Tables, scalar};
use super::cell::{Cell, Context, V, any, load, set, store};
use core::arch::x86_64::*;

/// What all rows of a group share: the table, the copied streams, slots on either side of a prediction.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub tables: &'a Tables,
    pub bytes: &'a [u8],
    pub half: i32,
}

/// Eight rows' parameters and coder states.
#[derive(Clone, Copy)]
pub struct Eight {
    octave: V,
    scale: V,
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

impl Eight {
    /// `lanes` are at most eight rows; their streams begin `stride` apart in `bytes`, the first at `begin`.
    #[target_feature(enable = "avx2")]
    pub fn new(g: Group<'_>, lanes: &[Lane<'_>], begin: usize, stride: usize) -> Eight {
        let p = Parameters::<8>::new(lanes, g.tables.dim(), begin, stride);
        let of_part = |table: [i32; 8]| load(&p.part.map(|part| table[part as usize]));
        let mut eight = Eight {
            octave: load(&p.octave),
            scale: of_part(SCALE),
            inverse: of_part(INVERSE),
            lift: load(&p.lift),
            ends: load(&p.ends),
            x: load(&p.state),
            at: load(&p.at),
            next: set(0),
        };
        eight.fetch(g);
        eight
    }

    /// Whether row `i` ended where its stream, of `bytes` bytes, does.
    #[target_feature(enable = "avx2")]
    pub fn ended(&self, i: usize, stream: &[u8], dim: usize) -> bool {
        let done = store(self.x)[i] == 0 && store(self.at)[i] == store(self.ends)[i];
        done && stream.len() == readable(stream, dim)
    }

    /// Reads the next coder words. Of more than two a step, as escapes may take, the caller fetches in
    /// between.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn fetch(&mut self, g: Group<'_>) {
        let next = in_memory(self.at).map(|at| {
            // SAFETY: `at` begins inside `bytes` and never passes `ends`, behind each of which `bytes`
            // extends four bytes.
            unsafe { g.bytes.as_ptr().add(at as usize).cast::<i32>().read_unaligned() }
        });
        self.next = load(&next);
    }

    /// Appends a coder word to each of `lanes` whose state fell below 2^16 while words remain.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn refill(&mut self, lanes: V) {
        let low = _mm256_cmpeq_epi32(_mm256_srli_epi32::<16>(self.x), _mm256_setzero_si256());
        let need = _mm256_and_si256(_mm256_and_si256(low, lanes), _mm256_cmpgt_epi32(self.ends, self.at));
        let word = _mm256_and_si256(self.next, set(0xffff));
        let full = _mm256_or_si256(_mm256_slli_epi32::<16>(self.x), word);
        self.x = _mm256_blendv_epi8(self.x, full, need);
        self.next = _mm256_blendv_epi8(self.next, _mm256_srli_epi32::<16>(self.next), need);
        self.at = _mm256_sub_epi32(self.at, _mm256_add_epi32(need, need));
    }

    /// Predicts word `j` from the sum over the row's own dimensions, `dot`, and the weighted innovations of
    /// other rows, `near`: a pair of dimensions, of which `j` is one.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn context(&self, g: Group<'_>, j: usize, dot: V, near: V) -> Context {
        let t = g.tables;
        // Factors of 15 bits and fewer: the multiplication of 16-bit halves is exact and cheaper.
        let scale = _mm256_srai_epi32::<14>(_mm256_madd_epi16(self.scale, set(t.scale[j])));
        let inverse = _mm256_srai_epi32::<14>(_mm256_mullo_epi32(self.inverse, set(t.inverse[j])));
        let bound = _mm256_slli_epi32::<3>(scale);
        let own = _mm256_sra_epi32(_mm256_mullo_epi32(dot, scale), _mm_cvtsi32_si128(4 + t.shift[j] as i32));
        let mean = _mm256_srav_epi32(set(t.mean[j]), self.octave);
        let own = _mm256_add_epi32(mean, _mm256_sllv_epi32(own, self.lift));
        let half = if j.is_multiple_of(2) { scale } else { _mm256_slli_epi32::<16>(scale) };
        let near = _mm256_srai_epi32::<9>(_mm256_madd_epi16(near, half));
        let all = _mm256_add_epi32(own, _mm256_sllv_epi32(near, self.lift));
        let all = _mm256_max_epi32(_mm256_min_epi32(all, set(1 << 23)), set(-(1 << 23)));
        // At the bound the piece is 63 or 64, and from 36 on cells are as coarse as they get.
        let far = _mm256_min_epu32(_mm256_abs_epi32(all), bound);
        let piece = _mm256_srli_epi32::<24>(_mm256_mullo_epi32(far, inverse));
        let coarse =
            _mm256_min_epi32(_mm256_srli_epi32::<7>(_mm256_madd_epi16(piece, piece)), set(scalar::COARSEST));
        let unit = _mm256_add_epi32(self.octave, set(t.unit[j] - 1));
        Context { own, all, inverse, bound, unit, coarse }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn slot(&self) -> V {
        _mm256_and_si256(self.x, set(0xffff))
    }

    /// The value that the state's slot most likely stands for: by the inverted distribution.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn guess(&self, g: Group<'_>, c: &Context) -> V {
        let slot = self.slot();
        let below = _mm256_cmpgt_epi32(set(g.half), slot);
        let rest = _mm256_xor_si256(_mm256_sub_epi32(slot, set(g.half)), below);
        let far = in_memory(rest).map(|slot| g.tables.guess[slot as usize % GUESSES]);
        // SAFETY: eight floats are one vector.
        let far = unsafe { _mm256_loadu_ps(far.as_ptr()) };
        // Dividing by what distances are multiplied with is what makes guesses right; it waits for nothing.
        let unit = _mm256_div_ps(_mm256_set1_ps(1.0), _mm256_cvtepi32_ps(c.inverse));
        let away = _mm256_cvttps_epi32(_mm256_mul_ps(far, unit));
        _mm256_add_epi32(c.all, _mm256_xor_si256(away, below))
    }

    /// Lanes whose slot lies in the cell; no escape does.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn hits(&self, cell: &Cell) -> V {
        let slot = self.slot();
        _mm256_andnot_si256(_mm256_cmpgt_epi32(cell.low, slot), _mm256_cmpgt_epi32(cell.high, slot))
    }

    /// Lanes of escapes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn escapes(&self, g: Group<'_>) -> V {
        _mm256_cmpgt_epi32(self.slot(), set(2 * g.half - 1))
    }

    /// Steps from cell to cell until each encloses its slot, unless that is an escape.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx2")]
    pub fn settle(&self, g: Group<'_>, c: &Context, here: &mut Cell) {
        let (slot, escape) = (self.slot(), self.escapes(g));
        loop {
            let left = _mm256_andnot_si256(escape, _mm256_cmpgt_epi32(here.low, slot));
            let right = _mm256_or_si256(escape, _mm256_cmpgt_epi32(here.high, slot));
            let right = _mm256_xor_si256(right, set(-1));
            if !any(_mm256_or_si256(left, right)) {
                return;
            }
            let at = _mm256_blendv_epi8(here.low_edge, _mm256_sub_epi32(here.low_edge, set(1)), left);
            [*here] = Cell::around(g.tables, g.half, &[*c], &[_mm256_blendv_epi8(at, here.high_edge, right)]);
        }
    }

    /// As [`Eight::word`], where some may be escapes.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx2")]
    pub fn rare(&mut self, g: Group<'_>, c: &Context, cell: &Cell) -> (V, V) {
        self.word::<true>(g, c, cell)
    }

    /// Takes the words out of the states; returns them and the innovations. `ESCAPES`: some may be escapes.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn word<const ESCAPES: bool>(&mut self, g: Group<'_>, c: &Context, cell: &Cell) -> (V, V) {
        let m = g.tables.mantissa as i32;
        let slot = self.slot();
        let &Cell { a, n, open, sign, mut low, high, .. } = cell;
        let mut f = _mm256_sub_epi32(high, low);
        // Mantissa bits that a cell leaves open follow as they are: none where `open` follows from `n`, never
        // fewer.
        let mut missing = _mm256_min_epi32(_mm256_sub_epi32(_mm256_add_epi32(open, set(m)), n), set(m));
        let escape = if ESCAPES { self.escapes(g) } else { _mm256_setzero_si256() };
        if ESCAPES {
            low = _mm256_blendv_epi8(low, set(2 * g.half), escape);
            f = _mm256_blendv_epi8(f, set(65536 - 2 * g.half), escape);
            missing = _mm256_andnot_si256(escape, missing);
        }
        let full = _mm256_mullo_epi32(f, _mm256_srli_epi32::<16>(self.x));
        self.x = _mm256_add_epi32(full, _mm256_sub_epi32(slot, low));
        self.refill(set(-1));
        // The leading one is the cell's, which the guess may lie above where the cell reaches zero.
        let n = _mm256_andnot_si256(_mm256_cmpeq_epi32(a, set(0)), n);
        let plain = _mm256_andnot_si256(_mm256_sllv_epi32(set(-1), missing), self.x);
        let fraction = _mm256_or_si256(_mm256_sllv_epi32(a, missing), plain);
        self.x = _mm256_srlv_epi32(self.x, missing);
        self.refill(_mm256_cmpgt_epi32(missing, set(0)));
        let exponent = _mm256_add_epi32(c.unit, n);
        let word = _mm256_add_epi32(_mm256_sll_epi32(exponent, _mm_cvtsi32_si128(m)), fraction);
        let mut word =
            _mm256_or_si256(_mm256_and_si256(word, set(0x7fff)), _mm256_and_si256(sign, set(0x8000)));
        // A shift by a negative count gives zero, so one of the two does nothing.
        let up = _mm256_sub_epi32(n, set(m));
        let value = _mm256_or_si256(
            _mm256_sllv_epi32(fraction, up),
            _mm256_srlv_epi32(fraction, _mm256_sub_epi32(set(0), up)),
        );
        let mut value = _mm256_xor_si256(value, sign);
        if ESCAPES && any(escape) {
            let plain = self.slot();
            self.x = _mm256_blendv_epi8(self.x, _mm256_srli_epi32::<16>(self.x), escape);
            self.refill(escape);
            word = _mm256_blendv_epi8(word, plain, escape);
            let (w, u) = (store(word), store(c.unit));
            let v = core::array::from_fn(|i| scalar::floor_of(w[i] as u16, u[i].wrapping_add(1), m as u32).0);
            value = _mm256_blendv_epi8(value, load(&v), escape);
        }
        // No row took more than the two coder words that were at hand.
        self.fetch(g);
        (word, self.innovation(c, value))
    }

    /// The innovations that words of these values leave.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn innovation(&self, c: &Context, value: V) -> V {
        let d = _mm256_srav_epi32(_mm256_sub_epi32(value, c.own), self.lift);
        let d = _mm256_max_epi32(_mm256_min_epi32(d, c.bound), _mm256_sub_epi32(set(0), c.bound));
        let e = _mm256_srai_epi32::<23>(_mm256_add_epi32(_mm256_mullo_epi32(d, c.inverse), set(1 << 22)));
        _mm256_max_epi32(_mm256_min_epi32(e, set(INNOVATION_LIMIT)), set(-INNOVATION_LIMIT))
    }
}

/// Numbers of places to read, through memory: eight loads from there took a third less time than a gather or
/// extracting them.
#[inline]
#[target_feature(enable = "avx2")]
fn in_memory(v: V) -> [i32; 8] {
    core::hint::black_box(store(v))
}
