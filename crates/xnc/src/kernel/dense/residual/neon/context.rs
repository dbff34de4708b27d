//! Predictions for eight rows, and what else a step knows before the word.
use super::super::vectors::rows::Parameters;
use super::super::{INVERSE, SCALE, Tables, scalar};
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
    /// Exponent field of a value of one unit.
    pub unit: i32,
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
            unit: t.unit[j],
            shift: 4 + t.shift[j] as i32,
        }
    }
}

/// What the heads of eight rows say, but for weights.
#[derive(Clone, Copy)]
pub struct Heads {
    pub octave: V,
    pub lift: V,
    /// Where the words and the dwords of the rows' parts are in a [`Column`].
    word_of: uint8x16_t,
    pub dword_of: [uint8x16_t; 2],
}

impl Heads {
    #[target_feature(enable = "neon")]
    pub fn new(p: &Parameters<8>) -> Heads {
        let words = p.part.map(|part| 0x0100 + 0x0202 * part as u16);
        let dwords = load(&p.part.map(|part| 0x0302_0100 + 0x0404_0404 * part));
        Heads {
            octave: load(&p.octave),
            lift: load(&p.lift),
            // SAFETY: eight words are one register.
            word_of: unsafe { vld1q_u8(words.as_ptr().cast()) },
            dword_of: dwords.map(|v| vreinterpretq_u8_s32(v)),
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
    /// To be written over.
    // SAFETY: a register may have any bit pattern.
    pub const EMPTY: Context = unsafe { core::mem::zeroed() };

    /// Predicts a word of a column from the sum over the rows' own dimensions, `dot`, and the weighted
    /// innovations of other rows, `near`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn new(heads: &Heads, c: &Column, dot: V, near: int16x8_t) -> Context {
        let scale = vreinterpretq_s16_u8(vqtbl1q_u8(c.scale, heads.word_of));
        let inverse = heads.dword_of.map(|of| vreinterpretq_s32_u8(vqtbl2q_u8(c.inverse, of)));
        let wide_scale = wide(scale);
        let bound = wide_scale.map(|scale| vshlq_n_s32::<3>(scale));
        let own = shift(mul(dot, wide_scale), set(-c.shift));
        let own = add(shift(set(c.mean), neg(heads.octave)), shift(own, heads.lift));
        let near = [vmull_s16(vget_low_s16(near), vget_low_s16(scale)), vmull_high_s16(near, scale)];
        let near = near.map(|near| vshrq_n_s32::<9>(near));
        let all = add(own, shift(near, heads.lift));
        let all = max(min(all, set(1 << 23)), set(-(1 << 23)));
        // At the bound the piece is 63 or 64, and from 36 on cells are as coarse as they get.
        let far = min(abs(all), bound);
        let piece = vshrq_n_u16::<8>(high_words(mul(far, inverse)));
        let coarse = vshrq_n_u16::<7>(vmulq_u16(piece, piece));
        let coarse = vminq_u16(coarse, vdupq_n_u16(scalar::COARSEST as u16));
        Context { own, all, inverse, bound, coarse: vreinterpretq_s16_u16(coarse) }
    }

    /// Distance of an edge that lies `d` from the prediction, in 2^-27 deviations: below 2^30, so the upper
    /// byte is its piece. From the bound on all bits are set, and the upper byte passes the last piece.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn distance(&self, d: V) -> V {
        or(mul(d, self.inverse), not_greater(self.bound, d))
    }
}
