//! NEON. Conversions are in assembly: the compiler's own are younger than the oldest one that XNC is built with.

use std::arch::aarch64::*;
use std::arch::asm;

use super::scalar;
use crate::dtype::Dtype;

/// The values of eight FP16 words, in order.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel) fn f16_values(words: uint16x8_t) -> [float32x4_t; 2] {
    let (low, high);
    // SAFETY: every machine with NEON has the instructions, and they read and write registers.
    unsafe {
        asm!("fcvtl {0:v}.4s, {1:v}.4h", out(vreg) low, in(vreg) words, options(pure, nomem, nostack));
        asm!("fcvtl2 {0:v}.4s, {1:v}.8h", out(vreg) high, in(vreg) words, options(pure, nomem, nostack));
    }
    [low, high]
}

/// Eight values as FP16 words, to nearest even.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel) fn f16_words(low: float32x4_t, high: float32x4_t) -> uint16x8_t {
    let words;
    // SAFETY: as above.
    unsafe {
        asm!(
            "fcvtn {words:v}.4h, {low:v}.4s",
            "fcvtn2 {words:v}.8h, {high:v}.4s",
            words = out(vreg) words,
            low = in(vreg) low,
            high = in(vreg) high,
            options(pure, nomem, nostack),
        );
    }
    words
}

#[inline]
#[target_feature(enable = "neon")]
fn load(words: &[u16; 8]) -> uint16x8_t {
    // SAFETY: eight words.
    unsafe { vld1q_u16(words.as_ptr()) }
}

#[target_feature(enable = "neon")]
pub(super) fn f16_to_f32(words: &[u16], out: &mut [f32]) {
    let ((words, rest), (out, out_rest)) = (words.as_chunks(), out.as_chunks_mut::<8>());
    for (words, out) in words.iter().zip(out) {
        let [low, high] = f16_values(load(words));
        // SAFETY: twice four floats.
        unsafe {
            vst1q_f32(out.as_mut_ptr(), low);
            vst1q_f32(out[4..].as_mut_ptr(), high);
        }
    }
    scalar::to_f32(Dtype::F16, rest, out_rest);
}

#[target_feature(enable = "neon")]
pub(super) fn to_f16(words: &mut [u16]) {
    let (words, rest) = words.as_chunks_mut();
    for words in words {
        let bits = load(words);
        let low = vshll_n_u16::<16>(vget_low_u16(bits));
        let high = vshll_high_n_u16::<16>(bits);
        let cast = f16_words(vreinterpretq_f32_u32(low), vreinterpretq_f32_u32(high));
        // SAFETY: eight words.
        unsafe { vst1q_u16(words.as_mut_ptr(), cast) };
    }
    scalar::to_f16(rest);
}

#[target_feature(enable = "neon")]
pub(super) fn to_bf16(words: &mut [u16]) {
    let (words, rest) = words.as_chunks_mut();
    for words in words {
        let [low, high] = f16_values(load(words)).map(|values| vreinterpretq_u16_f32(values));
        // SAFETY: eight words. The upper half of each value is the odd one of two.
        unsafe { vst1q_u16(words.as_mut_ptr(), vuzp2q_u16(low, high)) };
    }
    scalar::to_bf16(rest);
}
