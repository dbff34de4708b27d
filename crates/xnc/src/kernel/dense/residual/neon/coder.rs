//! Coder states of eight rows, and the words that come out of them.
use super::super::vectors::GUESSES;
use super::super::vectors::rows::{Parameters, readable};
use super::super::{INNOVATION_LIMIT, Lane, Tables, scalar};
use super::cell::{Cell, Column, Context};
use super::pair::*;
use core::arch::aarch64::*;

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
    lift: V,
    /// Where the words and the dwords of the rows' parts are in a [`Column`].
    word_of: uint8x16_t,
    dword_of: [uint8x16_t; 2],
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
    #[target_feature(enable = "neon")]
    pub fn new(g: Group<'_>, lanes: &[Lane<'_>], begin: usize, stride: usize) -> Eight {
        let p = Parameters::<8>::new(lanes, g.tables.dim(), begin, stride);
        let words = p.part.map(|part| 0x0100 + 0x0202 * part as u16);
        let dwords = load(&p.part.map(|part| 0x0302_0100 + 0x0404_0404 * part));
        let mut eight = Eight {
            octave: load(&p.octave),
            lift: load(&p.lift),
            // SAFETY: eight words are one register.
            word_of: unsafe { vld1q_u8(words.as_ptr().cast()) },
            dword_of: dwords.map(|v| vreinterpretq_u8_s32(v)),
            ends: load(&p.ends),
            x: load(&p.state),
            at: load(&p.at),
            next: set(0),
        };
        eight.fetch(g);
        eight
    }

    /// Whether row `i` ended where its stream, of `bytes` bytes, does.
    #[target_feature(enable = "neon")]
    pub fn ended(&self, i: usize, stream: &[u8], dim: usize) -> bool {
        let done = store(self.x)[i] == 0 && store(self.at)[i] == store(self.ends)[i];
        done && stream.len() == readable(stream, dim)
    }

    /// Reads the next coder words.
    #[inline]
    #[target_feature(enable = "neon")]
    fn fetch(&mut self, g: Group<'_>) {
        let next = in_memory(self.at).map(|at| {
            // SAFETY: `at` begins inside `bytes` and never passes `ends`, behind each of which `bytes`
            // extends four bytes.
            unsafe { g.bytes.as_ptr().add(at as u32 as usize).cast::<i32>().read_unaligned() }
        });
        self.next = load(&next);
    }

    /// Appends a coder word to each of `lanes` whose state fell below 2^16 while words remain.
    #[inline]
    #[target_feature(enable = "neon")]
    fn refill(&mut self, lanes: V) {
        let need = and(and(low_only(self.x), lanes), greater(self.ends, self.at));
        let full = [0, 1].map(|h| vsliq_n_s32::<16>(self.next[h], self.x[h]));
        self.x = select(need, full, self.x);
        self.next = shift_unsigned(self.next, and(need, set(-16)));
        self.at = sub(self.at, add(need, need));
    }

    /// Predicts a word of a column from the sum over the row's own dimensions, `dot`, and the weighted
    /// innovations of other rows, `near`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn context(&self, c: &Column, dot: V, near: int16x8_t) -> Context {
        let scale = vreinterpretq_s16_u8(vqtbl1q_u8(c.scale, self.word_of));
        let inverse = self.dword_of.map(|of| vreinterpretq_s32_u8(vqtbl2q_u8(c.inverse, of)));
        let wide_scale = wide(scale);
        let bound = wide_scale.map(|scale| vshlq_n_s32::<3>(scale));
        let own = shift(mul(dot, wide_scale), set(-c.shift));
        let own = add(shift(set(c.mean), neg(self.octave)), shift(own, self.lift));
        let near = [vmull_s16(vget_low_s16(near), vget_low_s16(scale)), vmull_high_s16(near, scale)];
        let near = near.map(|near| vshrq_n_s32::<9>(near));
        let all = add(own, shift(near, self.lift));
        let all = max(min(all, set(1 << 23)), set(-(1 << 23)));
        // At the bound the piece is 63 or 64, and from 36 on cells are as coarse as they get.
        let far = min(abs(all), bound);
        let piece = vshrq_n_u16::<8>(high_words(mul(far, inverse)));
        let coarse = vshrq_n_u16::<7>(vmulq_u16(piece, piece));
        let coarse = vminq_u16(coarse, vdupq_n_u16(scalar::COARSEST as u16));
        Context { own, all, inverse, bound, coarse: vreinterpretq_s16_u16(coarse) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn slot(&self) -> uint16x8_t {
        low_words(self.x)
    }

    /// The value that the state's slot most likely stands for: by the inverted distribution.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn guess(&self, g: Group<'_>, column: &Column, c: &Context) -> V {
        let (slot, half) = (self.slot(), vdupq_n_u16(g.half as u16));
        let below = vcltq_u16(slot, half);
        let rest = veorq_u16(vsubq_u16(slot, half), below);
        let mut slots = [0u16; 8];
        // SAFETY: eight words are one register.
        unsafe { vst1q_u16(slots.as_mut_ptr(), rest) };
        let far = core::hint::black_box(slots).map(|slot| g.tables.vectors.guess[slot as usize % GUESSES]);
        // SAFETY: eight floats are two registers.
        let far = unsafe { [vld1q_f32(far.as_ptr()), vld1q_f32(far[4..].as_ptr())] };
        let away = [0, 1].map(|h| {
            let unit = vreinterpretq_f32_u8(vqtbl2q_u8(column.unit_of_guess, self.dword_of[h]));
            vcvtq_s32_f32(vmulq_f32(far[h], unit))
        });
        add(c.all, xor(away, wide(vreinterpretq_s16_u16(below))))
    }

    /// Lanes whose slot does not lie in the cell, as that of no escape does.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn misses(&self, cell: &Cell) -> uint16x8_t {
        vcgeq_u16(vsubq_u16(self.slot(), cell.begin), cell.size)
    }

    /// Lanes of escapes.
    #[inline]
    #[target_feature(enable = "neon")]
    fn escapes(&self, g: Group<'_>) -> uint16x8_t {
        vcgeq_u16(self.slot(), vdupq_n_u16(2 * g.half as u16))
    }

    /// As [`Eight::word`], from where cells do not enclose their slots yet, or some may be escapes.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "neon")]
    pub fn rare(&mut self, g: Group<'_>, j: usize, column: &Column, c: &Context, mut here: Cell) -> (uint16x8_t, int16x8_t) {
        let (slot, escape) = (self.slot(), self.escapes(g));
        loop {
            let left = vbicq_u16(vcltq_u16(slot, here.begin), escape);
            let right = vbicq_u16(vcgeq_u16(slot, vaddq_u16(here.begin, here.size)), escape);
            if !any(vorrq_u16(left, right)) {
                return self.word::<true>(g, j, column, c, &here);
            }
            let signed = |edge: V| sub(xor(edge, here.sign), here.sign);
            let (near, end) = (signed(here.low), signed(here.high));
            let mask = |words: uint16x8_t| wide(vreinterpretq_s16_u16(words));
            let at = add(min(near, end), mask(left));
            here = Cell::around(g, c, select(mask(right), max(near, end), at));
        }
    }

    /// Takes the words out of the states; returns them and the innovations. `ESCAPES`: some may be escapes.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn word<const ESCAPES: bool>(
        &mut self,
        g: Group<'_>,
        j: usize,
        column: &Column,
        c: &Context,
        cell: &Cell,
    ) -> (uint16x8_t, int16x8_t) {
        let m = vdupq_n_s16(g.tables.mantissa as i16);
        let mut within = vsubq_u16(self.slot(), cell.begin);
        // Mantissa bits that a cell leaves open follow as they are: none where `open` follows from the leading one,
        // never fewer.
        let gap = vsubq_s16(cell.open, cell.above);
        let mut missing = vminq_s16(gap, m);
        let escape = if ESCAPES { self.escapes(g) } else { vdupq_n_u16(0) };
        let upper = high_words(self.x);
        let mut full = [vmull_u16(vget_low_u16(upper), vget_low_u16(cell.size)), vmull_high_u16(upper, cell.size)];
        if ESCAPES {
            within = vbslq_u16(escape, vsubq_u16(self.slot(), vdupq_n_u16(2 * g.half as u16)), within);
            missing = vbicq_s16(missing, vreinterpretq_s16_u16(escape));
            // All slots of a distribution without any other are too many for a word.
            let escaped = mul(shift_unsigned(self.x, set(-16)), set(65536 - 2 * g.half));
            let all = select(wide(vreinterpretq_s16_u16(escape)), escaped, full.map(|v| vreinterpretq_s32_u32(v)));
            full = all.map(|v| vreinterpretq_u32_s32(v));
        }
        self.x = [vaddw_u16(full[0], vget_low_u16(within)), vaddw_high_u16(full[1], within)]
            .map(|x| vreinterpretq_s32_u32(x));
        self.refill(set(-1));
        // The leading one is the cell's, which the guess may lie above where the cell reaches zero.
        let above = vbslq_s16(vcgtq_s16(gap, m), vnegq_s16(m), cell.above);
        let count = wide(missing);
        let plain = and_not(self.x, shift(set(-1), count));
        let fraction = or(shift_unsigned(cell.low, wide(vsubq_s16(missing, cell.open))), plain);
        self.x = shift_unsigned(self.x, neg(count));
        self.refill(greater(count, set(0)));
        let unit = vaddq_s16(vreinterpretq_s16_u16(low_words(self.octave)), vdupq_n_s16(column.unit));
        let exponent = vshlq_u16(vreinterpretq_u16_s16(vaddq_s16(unit, above)), m);
        let word = vaddq_u16(exponent, low_words(fraction));
        let mut word = vbslq_u16(vdupq_n_u16(0x7fff), word, low_words(cell.sign));
        let mut value = xor(shift_unsigned(fraction, wide(above)), cell.sign);
        if ESCAPES && any(escape) {
            word = vbslq_u16(escape, self.slot(), word);
            let wide_escape = wide(vreinterpretq_s16_u16(escape));
            self.x = select(wide_escape, shift_unsigned(self.x, set(-16)), self.x);
            self.refill(wide_escape);
            let mut words = [0u16; 8];
            // SAFETY: eight words are one register.
            unsafe { vst1q_u16(words.as_mut_ptr(), word) };
            let octave = store(self.octave);
            let t = g.tables;
            let floors = core::array::from_fn(|i| scalar::floor_of(words[i], t.unit[j] + octave[i], t.mantissa).0);
            value = select(wide_escape, load(&floors), value);
        }
        // No row took more than the two coder words that were at hand.
        self.fetch(g);
        let d = shift(sub(value, c.own), neg(self.lift));
        let d = max(min(d, c.bound), neg(c.bound));
        let e = mul(d, c.inverse).map(|e| vrshrq_n_s32::<23>(e));
        let e = vreinterpretq_s16_u16(low_words(e));
        let limit = vdupq_n_s16(INNOVATION_LIMIT as i16);
        (word, vmaxq_s16(vminq_s16(e, limit), vnegq_s16(limit)))
    }
}

/// Numbers of places to read, through memory.
#[inline]
#[target_feature(enable = "neon")]
fn in_memory(v: V) -> [i32; 8] {
    core::hint::black_box(store(v))
}
