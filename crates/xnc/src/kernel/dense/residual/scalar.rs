//! One row after another: the definition that the other backends agree with.
use core::hint::select_unpredictable;

use super::{
    Given, Head, INNOVATION_LIMIT, INVERSE, Lane, PIECES, PLAIN_BITS, REFS, SCALE, SLOT_BITS, Tables,
    tables::GUESSES,
};

/// Largest magnitude of a prediction, in units.
const REACH: i32 = 1 << 23;

/// Most bits by which cells around zero are widened.
pub const COARSEST: i32 = 10;

/// Everything about one word of one row that does not depend on the word itself.
struct Step {
    /// Prediction from the columns and the row's own dimensions.
    own: i32,
    /// Prediction with the reference rows.
    all: i32,
    /// Reciprocal of the residual's scale.
    inverse: i32,
    /// Where the distribution ends, in units.
    bound: i32,
    /// Exponent field of a value of one unit.
    unit: i32,
    /// The head's lift.
    lift: u32,
    /// Cells are at least two to this many units wide.
    coarse: u32,
}

/// The sum over the dimensions before `j`, whose innovations `seen` begins with.
#[inline(always)]
fn dot(t: &Tables, j: usize, seen: &[i16]) -> i32 {
    t.coef_of(j).iter().zip(&seen[..j]).map(|(&c, &e)| c as i32 * e as i32).sum()
}

/// Predicts word `j` of a row from `dot` and the innovations of other rows.
#[inline(always)]
fn step(t: &Tables, head: &Head, j: usize, dot: i32, refs: &[&[i8]; REFS]) -> Step {
    let (octave, part) = ((head.scale >> 3) as u32, (head.scale & 7) as usize);
    let scale = SCALE[part].wrapping_mul(t.scale[j]) >> 14;
    let inverse = INVERSE[part].wrapping_mul(t.inverse[j]) >> 14;
    let lift = head.lift as u32;
    let own =
        (t.mean[j] >> octave).wrapping_add((dot.wrapping_mul(scale) >> (4 + t.shift[j])).wrapping_shl(lift));
    let mut near = 0i32;
    for (r, &w) in refs.iter().zip(&head.weights) {
        if let Some(&e) = r.get(j) {
            near += e as i32 * w as i32;
        }
    }
    let all = own.wrapping_add((near.wrapping_mul(scale) >> 9).wrapping_shl(lift));
    let all = all.clamp(-REACH, REACH);
    let bound = scale << 3;
    // Around zero cells would get finer than the coder's slots where the prediction is far away.
    let piece = distance(all, bound, inverse) >> 13;
    let coarse = ((piece * piece) >> 7).min(COARSEST) as u32;
    Step { own, all, inverse, bound, unit: t.unit[j] + octave as i32, lift, coarse }
}

impl Step {
    /// The innovation that a word of value `v` units leaves for later dimensions and referring rows.
    #[inline(always)]
    fn innovation(&self, v: i32) -> i8 {
        let d = (v.wrapping_sub(self.own) >> self.lift).clamp(-self.bound, self.bound);
        (d.wrapping_mul(self.inverse).wrapping_add(1 << 22) >> 23).clamp(-INNOVATION_LIMIT, INNOVATION_LIMIT)
            as i8
    }
}

/// `v`, negated where `sign` is all ones. Signs cannot be foretold, so none of them decides a branch.
#[inline(always)]
fn signed(v: i32, sign: i32) -> i32 {
    (v ^ sign).wrapping_sub(sign)
}

/// Distance in 2^-16 deviations; the far end of the last piece from `bound` on.
#[inline(always)]
fn distance(d: i32, bound: i32, inverse: i32) -> i32 {
    let end = (PIECES << 13) as i32 - 1;
    let d = signed(d, d >> 31);
    select_unpredictable(d >= bound, end, (d.wrapping_mul(inverse) >> 11).min(end))
}

/// Number of coder slots below `edge` units.
#[inline(always)]
fn cdf(s: &Step, t: &Tables, edge: i32) -> i32 {
    let pieces = &t.pieces;
    let d = edge.wrapping_sub(s.all);
    let r = distance(d, s.bound, s.inverse);
    let k = (r >> 13) as usize;
    let low = pieces[k] as i32;
    let f = low + (((r & 8191) * (pieces[k + 1] as i32 - low)) >> 13);
    half(t) + signed(f, d >> 31)
}

/// Coder slots on either side of the prediction: the distribution at the far end of its last piece.
#[inline(always)]
pub fn half(t: &Tables) -> i32 {
    let pieces = &t.pieces;
    let last = pieces[PIECES - 1] as i32;
    last + ((8191 * (pieces[PIECES] as i32 - last)) >> 13)
}

/// The cell of grid points that `v` lies in: lower and upper edge, and the number of bits that its points
/// leave open.
#[inline(always)]
fn cell(v: i32, mantissa: u32, coarse: u32) -> (i32, i32, u32) {
    let sign = v >> 31;
    let a = v ^ sign;
    let sh = (31 - mantissa).saturating_sub(a.leading_zeros()).max(coarse);
    let (low, width) = (a >> sh << sh, 1 << sh);
    (signed(low + (width & sign), sign), signed(low + (width & !sign), sign), sh)
}

/// A word's value in whole units towards zero (negative ones less one), and whether a cell can hold it.
#[inline(always)]
pub fn floor_of(word: u16, unit: i32, mantissa: u32) -> (i32, bool) {
    let magnitude = (word & 0x7fff) as i32;
    let field = magnitude >> mantissa;
    let sign = -((word >> 15) as i32);
    let octave = field - unit;
    if field == 0 || octave < 0 {
        return (sign, false);
    }
    if octave > 22 {
        return ((REACH - 1) ^ sign, false);
    }
    let full = (magnitude & ((1 << mantissa) - 1)) + (1 << mantissa);
    let a = if octave >= mantissa as i32 {
        full << (octave - mantissa as i32)
    } else {
        full >> (mantissa as i32 - octave)
    };
    (a ^ sign, true)
}

struct Coder<'a> {
    state: u32,
    stream: &'a [u8],
}

impl Coder<'_> {
    #[inline(always)]
    fn refill(&mut self) {
        let Some((&next, rest)) = self.stream.split_first_chunk::<2>() else { return };
        // Every other time, and nobody can tell when: a branch would be guessed wrong too often.
        let low = self.state < 1 << 16;
        let full = self.state << 16 | u32::from(u16::from_le_bytes(next));
        self.state = select_unpredictable(low, full, self.state);
        self.stream = select_unpredictable(low, rest, self.stream);
    }
    #[inline(always)]
    fn bits(&mut self, n: u32) -> i32 {
        let v = self.state & ((1 << n) - 1);
        self.state >>= n;
        self.refill();
        v as i32
    }
    #[inline(always)]
    fn advance(&mut self, low: i32, high: i32) {
        let slot = self.state & 0xffff;
        self.state =
            ((high - low) as u32).wrapping_mul(self.state >> 16).wrapping_add(slot).wrapping_sub(low as u32);
        self.refill();
    }
}

/// Decodes one row.
pub fn decode(t: &Tables, lane: &Lane, words: &mut [u16], innovations: &mut [i8], seen: &mut [i16]) -> bool {
    let mut row = Row::new(lane);
    for j in 0..t.dim() {
        let (word, innovation) = row.word(t, j, dot(t, j, seen));
        words[j] = word;
        seen[j] = i16::from(innovation);
    }
    innovations.iter_mut().zip(&*seen).for_each(|(to, &e)| *to = e as i8);
    row.ended()
}

/// A row that is decoded alone, word by word. Whoever sums over its earlier dimensions does so with the
/// instructions that they have.
pub struct Row<'a> {
    lane: &'a Lane<'a>,
    coder: Coder<'a>,
}

impl<'a> Row<'a> {
    #[inline(always)]
    pub fn new(lane: &'a Lane<'a>) -> Row<'a> {
        Row { lane, coder: Coder { state: lane.state, stream: lane.stream } }
    }

    /// Word `j` and its innovation.
    #[inline(always)]
    pub fn word(&mut self, t: &Tables, j: usize, dot: i32) -> (u16, i8) {
        let (m, c) = (t.mantissa, &mut self.coder);
        let s = step(t, &self.lane.head, j, dot, &self.lane.refs);
        let top = 2 * half(t);
        let slot = (c.state & 0xffff) as i32;
        if slot >= top {
            c.advance(top, 1 << 16);
            let word = c.bits(16) as u16;
            return (word, s.innovation(floor_of(word, s.unit, m).0));
        }
        let (low, high, at, sh) = search(&s, t, slot);
        c.advance(low, high);
        let sign = at >> 31;
        let a = at ^ sign;
        let n = 31 - (a >> sh << sh | 1).leading_zeros();
        let missing = (m + sh).saturating_sub(n).min(m);
        let fraction = if missing == 0 { a >> sh } else { a >> sh << missing | c.bits(missing) };
        let word = (((s.unit + n as i32 - 1) << m).wrapping_add(fraction) & 0x7fff | sign & 0x8000) as u16;
        let v = if n >= m { fraction << (n - m) } else { fraction >> (m - n) } ^ sign;
        (word, s.innovation(v))
    }

    /// Whether the row ended where its stream does.
    #[inline(always)]
    pub fn ended(&self) -> bool {
        self.coder.state == 0 && self.coder.stream.is_empty()
    }
}

/// Finds what is coded of the words of one row.
pub fn encode(t: &Tables, row: &mut Given<'_>, seen: &mut [i16]) {
    let m = t.mantissa;
    for (j, &word) in row.words.iter().enumerate() {
        let s = step(t, &row.lane.head, j, dot(t, j, seen), &row.lane.refs);
        let (v, fits) = floor_of(word, s.unit, m);
        seen[j] = s.innovation(v) as i16;
        if let Some(kept) = row.innovations.get_mut(j) {
            *kept = seen[j] as i8;
        }
        if row.slots.is_empty() {
            continue;
        }
        let (low, high, open) = cell(v, m, s.coarse);
        let (low, high) = (cdf(&s, t, low), cdf(&s, t, high));
        let a = v ^ (v >> 31);
        let (low, number, plain) = if fits && high > low && a >> open > 0 {
            (low, high - low, (m + open).saturating_sub(31 - a.leading_zeros()))
        } else {
            (2 * half(t), 65536 - 2 * half(t), 16)
        };
        row.slots.ranges[j] = low as u32 | (number as u32 - 1) << SLOT_BITS;
        let away = v.wrapping_sub(s.all);
        let piece = match away.abs() < s.bound {
            true => distance(away, s.bound, s.inverse) >> 13,
            false => PIECES as i32,
        };
        row.slots.rest[j] = plain as u16 | (piece as u16) << PLAIN_BITS;
    }
}

/// The only cell whose slots include `slot`: guessed by inverting the distribution, then stepped to.
#[inline(always)]
fn search(s: &Step, t: &Tables, slot: i32) -> (i32, i32, i32, u32) {
    let half = half(t);
    let below = (slot - half) >> 31;
    let rest = (slot - half) ^ below;
    // The division waits for nothing.
    let away = t.guess[rest as usize % GUESSES] * (1.0 / s.inverse as f32);
    // SAFETY: a guess is below 2^31, and what it is divided by above one.
    let away = unsafe { away.to_int_unchecked::<i32>() };
    let mut v = s.all.wrapping_add(away ^ below);
    loop {
        let (low, high, sh) = cell(v, t.mantissa, s.coarse);
        let (below, above) = (cdf(s, t, low), cdf(s, t, high));
        if slot < below {
            v = low - 1;
        } else if slot >= above {
            v = high;
        } else {
            return (below, above, v, sh);
        }
    }
}
