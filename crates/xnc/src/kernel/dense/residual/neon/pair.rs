//! Eight dwords, a pair of registers, and eight words, one register.
use super::super::vectors::scratch::Dwords;
use core::arch::aarch64::*;

/// Eight dwords.
pub type V = [int32x4_t; 2];

macro_rules! on_both {
    ($($name:ident($($operand:ident),*) = $of_one:expr;)*) => {$(
        #[inline]
        #[target_feature(enable = "neon")]
        pub fn $name($($operand: V),*) -> V {
            [{ $(let $operand = $operand[0];)* $of_one }, { $(let $operand = $operand[1];)* $of_one }]
        }
    )*};
}

on_both! {
    add(a, b) = vaddq_s32(a, b);
    sub(a, b) = vsubq_s32(a, b);
    mul(a, b) = vmulq_s32(a, b);
    and(a, b) = vandq_s32(a, b);
    or(a, b) = vorrq_s32(a, b);
    xor(a, b) = veorq_s32(a, b);
    and_not(a, b) = vbicq_s32(a, b);
    min(a, b) = vminq_s32(a, b);
    max(a, b) = vmaxq_s32(a, b);
    // Whether a bit of both is set.
    test(a, b) = vreinterpretq_s32_u32(vtstq_s32(a, b));
    abs(a) = vabsq_s32(a);
    neg(a) = vnegq_s32(a);
    apart(a, b) = vabdq_s32(a, b);
    // To the left, or to the right where a count is negative: with the sign, or without.
    shift(a, by) = vshlq_s32(a, by);
    shift_unsigned(a, by) = vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), by));
    greater(a, b) = vreinterpretq_s32_u32(vcgtq_s32(a, b));
    not_greater(a, b) = vreinterpretq_s32_u32(vcleq_s32(a, b));
    // Whether the high word is zero.
    low_only(a) = vreinterpretq_s32_u32(vcltq_u32(vreinterpretq_u32_s32(a), vdupq_n_u32(1 << 16)));
    select(mask, a, b) = vbslq_s32(vreinterpretq_u32_s32(mask), a, b);
    sign(a) = vshrq_n_s32::<31>(a);
}

#[inline]
#[target_feature(enable = "neon")]
pub fn set(v: i32) -> V {
    [vdupq_n_s32(v); 2]
}

#[inline]
#[target_feature(enable = "neon")]
pub fn load(v: &[i32; 8]) -> V {
    // SAFETY: eight dwords are two registers.
    unsafe { [vld1q_s32(v.as_ptr()), vld1q_s32(v[4..].as_ptr())] }
}

#[inline]
#[target_feature(enable = "neon")]
pub fn store(v: V) -> [i32; 8] {
    let mut to = [0; 8];
    // SAFETY: as above.
    unsafe {
        vst1q_s32(to.as_mut_ptr(), v[0]);
        vst1q_s32(to[4..].as_mut_ptr(), v[1]);
    }
    to
}

/// Words of the even (`k` is 0) or the odd dimension of a pair, for eight rows.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_words(pair: &Dwords, k: usize) -> uint16x8_t {
    // SAFETY: four dwords are eight words.
    unsafe { vld1q_u16(pair.0[4 * k..][..4].as_ptr().cast()) }
}

/// Puts what [`load_words`] reads.
#[inline]
#[target_feature(enable = "neon")]
pub fn store_words(pair: &mut Dwords, k: usize, words: uint16x8_t) {
    // SAFETY: as above.
    unsafe { vst1q_u16(pair.0[4 * k..][..4].as_mut_ptr().cast(), words) }
}

/// Each of eight words.
#[inline]
#[target_feature(enable = "neon")]
pub fn each(words: uint16x8_t) -> [u16; 8] {
    let mut to = [0; 8];
    // SAFETY: eight words are one register.
    unsafe { vst1q_u16(to.as_mut_ptr(), words) };
    to
}

/// The low words of dwords.
#[inline]
#[target_feature(enable = "neon")]
pub fn low_words(v: V) -> uint16x8_t {
    vuzp1q_u16(vreinterpretq_u16_s32(v[0]), vreinterpretq_u16_s32(v[1]))
}

/// The high words of dwords.
#[inline]
#[target_feature(enable = "neon")]
pub fn high_words(v: V) -> uint16x8_t {
    vuzp2q_u16(vreinterpretq_u16_s32(v[0]), vreinterpretq_u16_s32(v[1]))
}

/// Dwords of words with a sign.
#[inline]
#[target_feature(enable = "neon")]
pub fn wide(words: int16x8_t) -> V {
    [vmovl_s16(vget_low_s16(words)), vmovl_high_s16(words)]
}

/// Whether a word is not zero.
#[inline]
#[target_feature(enable = "neon")]
pub fn any(words: uint16x8_t) -> bool {
    vget_lane_u64::<0>(vreinterpret_u64_u8(vqmovn_u16(words))) != 0
}
