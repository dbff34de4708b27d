//! Cells of eight rows: where they end, and which slots they own.
use super::super::{INVERSE, PIECES, SCALE, Tables};
use super::coder::Group;
use super::pair::*;
use core::arch::aarch64::*;

/// What a column is to rows of each of the eight parts of an octave.
#[derive(Clone, Copy)]
pub struct Column {
    /// Words.
    pub scale: uint8x16_t,
    /// Dwords, and their reciprocals.
    pub inverse: uint8x16x2_t,
    pub unit_of_guess: uint8x16x2_t,
    pub mean: i32,
    /// Exponent field of a value of one unit, so that the place of a leading one above the mantissa's is what is
    /// to add.
    pub unit: i16,
    /// Places by which sums over earlier dimensions move to the right.
    pub shift: i32,
}

impl Column {
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn new(t: &Tables, j: usize) -> Column {
        let scale = SCALE.map(|scale| scale as i16);
        let inverse = INVERSE.map(|inverse| inverse as u16);
        // SAFETY: eight words are one register.
        let (scale, inverse) = unsafe { (vld1q_s16(scale.as_ptr()), vld1q_u16(inverse.as_ptr())) };
        // Half of a product's upper half is taken twice: the factor twice makes it a shift by 14.
        let scale = vqdmulhq_n_s16(scale, 2 * t.scale[j] as i16);
        let by = t.inverse[j] as u16;
        let inverse = [vmull_n_u16(vget_low_u16(inverse), by), vmull_high_n_u16(inverse, by)];
        let inverse = inverse.map(|inverse| vshrq_n_u32::<14>(inverse));
        // Dividing by what distances are multiplied with is what makes guesses right.
        let units = inverse.map(|inverse| vdivq_f32(vdupq_n_f32(1.0), vcvtq_f32_u32(inverse)));
        let bytes = inverse.map(|v| vreinterpretq_u8_u32(v));
        let unit_bytes = units.map(|v| vreinterpretq_u8_f32(v));
        Column {
            scale: vreinterpretq_u8_s16(scale),
            inverse: uint8x16x2_t(bytes[0], bytes[1]),
            unit_of_guess: uint8x16x2_t(unit_bytes[0], unit_bytes[1]),
            mean: t.mean[j],
            unit: (t.unit[j] - 1 + t.mantissa as i32) as i16,
            shift: 4 + t.shift[j] as i32,
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
    pub coarse: int16x8_t,
}

impl Context {
    /// Distance of an edge that lies `d` from the prediction, in 2^-27 deviations: below 2^30, so the upper
    /// byte is its piece.
    #[inline]
    #[target_feature(enable = "neon")]
    fn distance(&self, d: V) -> V {
        select(greater(self.bound, d), mul(d, self.inverse), set((1 << 30) - 1))
    }
}

/// Cells of eight rows. The edges are magnitudes: those of a negative cell are the other way round.
#[derive(Clone, Copy)]
pub struct Cell {
    pub sign: V,
    pub low: V,
    pub high: V,
    /// Bits left out, and the place of the leading one above the mantissa's.
    pub open: int16x8_t,
    pub above: int16x8_t,
    /// The first slot, and how many.
    pub begin: uint16x8_t,
    pub size: uint16x8_t,
}

impl Cell {
    /// The cells around `at`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn around(g: Group<'_>, c: &Context, at: V) -> Cell {
        let sign = sign(at);
        let a = xor(at, sign);
        let zeros = vreinterpretq_s16_u16(low_words(a.map(|a| vclzq_s32(a))));
        let above = vsubq_s16(vdupq_n_s16(31 - g.tables.mantissa as i16), zeros);
        let open = vmaxq_s16(above, c.coarse);
        let grid = shift(set(-1), wide(open));
        let low = and(a, grid);
        let high = sub(low, grid);
        // Seen from the other side, a negative cell is one above zero.
        let all = sub(xor(c.all, sign), sign);
        let (to_low, to_high) = (c.distance(apart(low, all)), c.distance(apart(high, all)));
        // Lower edges in the lower half, upper ones in the upper.
        let piece = |edge: V| vreinterpretq_u8_u16(high_words(edge));
        let pieces = vuzp2q_u8(piece(to_low), piece(to_high));
        let [start_low, start_high, width_low, width_high] =
            g.tables.vectors.planes.each_ref().map(|table| look_up(table, pieces));
        let slots = |start: uint8x16_t, width: uint8x16_t, edge: V, beyond: V| {
            // The 13 bits of the distance within a piece, fourfold; doubling the product makes it eightfold.
            let edge = edge.map(|edge| vreinterpretq_u32_s32(edge));
            let within = vshrn_high_n_u32::<9>(vshrn_n_u32::<9>(edge[0]), edge[1]);
            let within = vreinterpretq_s16_u16(vandq_u16(within, vdupq_n_u16(0x7ffc)));
            let part = vqdmulhq_s16(within, vreinterpretq_s16_u8(width));
            let f = vaddq_u16(vreinterpretq_u16_u8(start), vreinterpretq_u16_s16(part));
            let below = low_words(beyond);
            vsubq_u16(veorq_u16(f, below), below)
        };
        let (start, width) = (vzip1q_u8(start_low, start_high), vzip1q_u8(width_low, width_high));
        let first = slots(start, width, to_low, greater(all, low));
        let (start, width) = (vzip2q_u8(start_low, start_high), vzip2q_u8(width_low, width_high));
        let last = slots(start, width, to_high, greater(all, high));
        let mirrored = vnegq_s16(vreinterpretq_s16_u16(last));
        let begin = vbslq_u16(low_words(sign), vreinterpretq_u16_s16(mirrored), first);
        Cell {
            sign,
            low,
            high,
            open,
            above,
            begin: vaddq_u16(begin, vdupq_n_u16(g.half as u16)),
            size: vsubq_u16(last, first),
        }
    }
}

/// `table[k]` for bytes `k` below [`PIECES`].
#[inline]
#[target_feature(enable = "neon")]
fn look_up(table: &[u8; PIECES], k: uint8x16_t) -> uint8x16_t {
    // SAFETY: 64 bytes are four registers.
    vqtbl4q_u8(unsafe { vld1q_u8_x4(table.as_ptr()) }, k)
}
