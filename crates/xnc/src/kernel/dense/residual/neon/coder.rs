//! Coder states of eight rows, and the words that come out of them.
use super::super::tables::GUESSES;
use super::super::vectors::rows::{Parameters, readable};
use super::super::{INNOVATION_LIMIT, Lane, Tables, scalar};
use super::cell::Cell;
use super::context::{Column, Context, Heads};
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
    heads: Heads,
    /// Where the streams end, in [`Group::bytes`].
    ends: V,
    /// The coder's states.
    x: V,
    /// Where the next coder words lie.
    at: V,
    /// The next two of them.
    next: V,
}

/// Decodes a word of each row of `P` times eight and returns them and their innovations. The sums over the
/// rows' own dimensions are `dot`, the weighted innovations of other rows `near`. Several eights take each step
/// together: one alone waits for itself much of the time.
#[inline]
#[target_feature(enable = "neon")]
pub fn step<const P: usize>(
    eights: &mut [Eight; P],
    g: Group<'_>,
    column: &Column,
    dot: [V; P],
    near: [int16x8_t; P],
) -> [(uint16x8_t, int16x8_t); P] {
    let mut context = [Context::EMPTY; P];
    for p in 0..P {
        context[p] = Context::new(&eights[p].heads, column, dot[p], near[p]);
    }
    let mut at = [set(0); P];
    for p in 0..P {
        at[p] = eights[p].guess(g, column, &context[p]);
    }
    let mut cell = [Cell::EMPTY; P];
    let mut misses = vdupq_n_u16(0);
    for p in 0..P {
        cell[p] = Cell::around(g, &context[p], at[p]);
        // A slot that does not lie in its cell, as that of no escape does.
        let misses_here = vcgeq_u16(vsubq_u16(eights[p].slot(), cell[p].begin), cell[p].size);
        misses = vorrq_u16(misses, misses_here);
    }
    let mut words = [(misses, vdupq_n_s16(0)); P];
    if any(misses) {
        for p in 0..P {
            words[p] = eights[p].rare(g, column, dot[p], near[p]);
        }
        return words;
    }
    for p in 0..P {
        words[p] = eights[p].word::<false, P>(g, column, &context[p], &cell[p]);
    }
    words
}

impl Eight {
    /// `lanes` are at most eight rows; their streams begin `stride` apart in `bytes`, the first at `begin`.
    #[target_feature(enable = "neon")]
    pub fn new(g: Group<'_>, lanes: &[Lane<'_>], begin: usize, stride: usize) -> Eight {
        let p = Parameters::<8>::new(lanes, g.tables.dim(), begin, stride);
        let mut eight = Eight {
            heads: Heads::new(&p),
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
        // Through memory, as in [`Eight::guess`]: a load for each is cheaper than taking a register apart.
        let next = core::hint::black_box(store(self.at)).map(|at| {
            // SAFETY: `at` begins inside `bytes` and never passes `ends`, behind each of which `bytes`
            // extends four bytes.
            unsafe { g.bytes.as_ptr().add(at as u32 as usize).cast::<i32>().read_unaligned() }
        });
        self.next = load(&next);
    }

    /// Appends a coder word to each lane, of those that `only` leaves, whose state fell below 2^16 while words
    /// remain.
    #[inline]
    #[target_feature(enable = "neon")]
    fn refill(&mut self, only: impl Fn(V) -> V) {
        let need = only(and(low_only(self.x), greater(self.ends, self.at)));
        let full = [0, 1].map(|h| vsliq_n_s32::<16>(self.next[h], self.x[h]));
        self.x = select(need, full, self.x);
        self.next = shift_unsigned(self.next, and(need, set(-16)));
        self.at = sub(self.at, add(need, need));
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn slot(&self) -> uint16x8_t {
        low_words(self.x)
    }

    /// The value that the state's slot most likely stands for: by the inverted distribution.
    #[inline]
    #[target_feature(enable = "neon")]
    fn guess(&self, g: Group<'_>, column: &Column, c: &Context) -> V {
        let (slot, half) = (self.slot(), vdupq_n_u16(g.half as u16));
        let below = vcltq_u16(slot, half);
        let rest = veorq_u16(vsubq_u16(slot, half), below);
        let rest = vandq_u16(rest, vdupq_n_u16(GUESSES as u16 - 1));
        let far = core::hint::black_box(each(rest)).map(|slot| {
            // SAFETY: the mask keeps every number inside the table.
            unsafe { *g.tables.guess.get_unchecked(usize::from(slot)) }
        });
        // SAFETY: eight floats are two registers.
        let far = unsafe { [vld1q_f32(far.as_ptr()), vld1q_f32(far[4..].as_ptr())] };
        let away = [0, 1].map(|h| {
            let unit = vreinterpretq_f32_u8(vqtbl2q_u8(column.unit_of_guess, self.heads.dword_of[h]));
            vcvtq_s32_f32(vmulq_f32(far[h], unit))
        });
        add(c.all, xor(away, wide(vreinterpretq_s16_u16(below))))
    }

    /// Lanes of escapes.
    #[inline]
    #[target_feature(enable = "neon")]
    fn escapes(&self, g: Group<'_>) -> uint16x8_t {
        vcgeq_u16(self.slot(), vdupq_n_u16(2 * g.half as u16))
    }

    /// As [`step`], where some guesses are wrong or some words may be escapes. It begins anew, so that the
    /// common way need not keep anything in memory for it.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "neon")]
    fn rare(&mut self, g: Group<'_>, column: &Column, dot: V, near: int16x8_t) -> (uint16x8_t, int16x8_t) {
        let c = &Context::new(&self.heads, column, dot, near);
        let mut here = Cell::around(g, c, self.guess(g, column, c));
        let (slot, escape) = (self.slot(), self.escapes(g));
        loop {
            let left = vbicq_u16(vcltq_u16(slot, here.begin), escape);
            let right = vbicq_u16(vcgeq_u16(slot, vaddq_u16(here.begin, here.size)), escape);
            if !any(vorrq_u16(left, right)) {
                return self.word::<true, 0>(g, column, c, &here);
            }
            let signed = |edge: V| sub(xor(edge, here.sign), here.sign);
            let (near, end) = (signed(here.low), signed(here.high));
            let mask = |words: uint16x8_t| wide(vreinterpretq_s16_u16(words));
            let at = add(min(near, end), mask(left));
            here = Cell::around(g, c, select(mask(right), max(near, end), at));
        }
    }

    /// Takes the words out of the states; returns them and the innovations. `ESCAPES`: some may be escapes.
    /// `COPY` differs from caller to caller: the compiler makes a function of one caller part of it.
    #[inline]
    #[target_feature(enable = "neon")]
    fn word<const ESCAPES: bool, const COPY: usize>(
        &mut self,
        g: Group<'_>,
        column: &Column,
        c: &Context,
        cell: &Cell,
    ) -> (uint16x8_t, int16x8_t) {
        let m = vdupq_n_s16(g.tables.mantissa as i16);
        let mut within = vsubq_u16(self.slot(), cell.begin);
        // Mantissa bits that a cell leaves open follow as they are: none where `open` follows from the leading
        // one, never fewer.
        let gap = vsubq_s16(cell.open, cell.above);
        let mut missing = vminq_s16(gap, m);
        let escape = if ESCAPES { self.escapes(g) } else { vdupq_n_u16(0) };
        let high = high_words(self.x);
        let mut full =
            [vmull_u16(vget_low_u16(high), vget_low_u16(cell.size)), vmull_high_u16(high, cell.size)];
        if ESCAPES {
            within = vbslq_u16(escape, vsubq_u16(self.slot(), vdupq_n_u16(2 * g.half as u16)), within);
            missing = vbicq_s16(missing, vreinterpretq_s16_u16(escape));
            // All slots of a distribution without any other are too many for a word.
            let escaped = mul(shift_unsigned(self.x, set(-16)), set(65536 - 2 * g.half));
            let all =
                select(wide(vreinterpretq_s16_u16(escape)), escaped, full.map(|v| vreinterpretq_s32_u32(v)));
            full = all.map(|v| vreinterpretq_u32_s32(v));
        }
        self.x = [vaddw_u16(full[0], vget_low_u16(within)), vaddw_high_u16(full[1], within)]
            .map(|x| vreinterpretq_s32_u32(x));
        self.refill(|need| need);
        // The leading one is the cell's, which the guess may lie above where the cell reaches zero.
        let above = vbslq_s16(vcgtq_s16(gap, m), vnegq_s16(m), cell.above);
        let count = wide(missing);
        let upper = shift(set(-1), count);
        let plain = and_not(self.x, upper);
        let fraction = or(shift_unsigned(cell.low, wide(vsubq_s16(missing, cell.open))), plain);
        self.x = shift_unsigned(self.x, neg(count));
        self.refill(|need| and_not(need, test(upper, set(1))));
        // The mantissa of a word has its leading one, which adds to the exponent.
        let octave = vreinterpretq_s16_u16(low_words(self.heads.octave));
        let unit = vaddq_s16(vaddq_s16(octave, vdupq_n_s16((column.unit - 1) as i16)), m);
        let exponent = vshlq_u16(vreinterpretq_u16_s16(vaddq_s16(unit, above)), m);
        let word = vaddq_u16(exponent, low_words(fraction));
        let mut word = vbslq_u16(vdupq_n_u16(0x7fff), word, low_words(cell.sign));
        let mut value = xor(shift_unsigned(fraction, wide(above)), cell.sign);
        if ESCAPES && any(escape) {
            word = vbslq_u16(escape, self.slot(), word);
            let wide_escape = wide(vreinterpretq_s16_u16(escape));
            self.x = select(wide_escape, shift_unsigned(self.x, set(-16)), self.x);
            self.refill(|need| and(need, wide_escape));
            let (words, octave) = (each(word), store(self.heads.octave));
            let floor = |i: usize| scalar::floor_of(words[i], column.unit + octave[i], g.tables.mantissa).0;
            let floors = core::array::from_fn(floor);
            value = select(wide_escape, load(&floors), value);
        }
        // No row took more than the two coder words that were at hand.
        self.fetch(g);
        let d = shift(sub(value, c.own), neg(self.heads.lift));
        let d = max(min(d, c.bound), neg(c.bound));
        let e = mul(d, c.inverse).map(|e| vrshrq_n_s32::<23>(e));
        let e = vreinterpretq_s16_u16(low_words(e));
        let limit = vdupq_n_s16(INNOVATION_LIMIT as i16);
        (word, vmaxq_s16(vminq_s16(e, limit), vnegq_s16(limit)))
    }
}
