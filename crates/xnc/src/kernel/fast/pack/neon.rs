//! NEON.

use std::arch::aarch64::*;

use super::{Codes, Packed};
use crate::kernel::fast::row::{GROUP, RANKS, WordSplit};

/// Bit `BIT` of every byte, place after place.
#[inline]
#[target_feature(enable = "neon")]
fn mask<const BIT: u8>(v: [uint8x16_t; 4]) -> u64 {
    // SAFETY: sixteen bytes.
    let weights = unsafe { vld1q_u8([1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128].as_ptr()) };
    let [a, b, c, d] = v.map(|v| vandq_u8(vtstq_u8(v, vdupq_n_u8(1 << BIT)), weights));
    let halves = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(halves, halves)))
}

#[inline]
#[target_feature(enable = "neon")]
fn store(v: [uint8x16_t; 4]) -> [u8; GROUP] {
    let mut bytes = [0; GROUP];
    for (part, value) in bytes.as_chunks_mut::<16>().0.iter_mut().zip(v) {
        // SAFETY: sixteen bytes.
        unsafe { vst1q_u8(part.as_mut_ptr(), value) };
    }
    bytes
}

#[target_feature(enable = "neon")]
#[inline(never)] // a group is worth a call, and `cargo xtask mca` finds it by its name
pub(super) fn group(split: WordSplit, codes: Codes, bias: &[u8; GROUP], words: &[u16; GROUP]) -> Packed {
    let coded: [uint8x16_t; 8] = std::array::from_fn(|i| {
        // SAFETY: eight of 64 words.
        let words = unsafe { vld1q_u16(words.as_ptr().add(8 * i)) };
        vreinterpretq_u8_u16(vaddq_u16(words, vdupq_n_u16(codes.phase)))
    });
    let lower: [uint8x16_t; 4] = std::array::from_fn(|k| vuzp1q_u8(coded[k], coded[k + 4]));
    let upper: [uint8x16_t; 4] = std::array::from_fn(|k| {
        // SAFETY: sixteen of 64 biases.
        let bias = unsafe { vld1q_u8(bias.as_ptr().add(16 * k)) };
        vsubq_u8(vuzp2q_u8(coded[k], coded[k + 4]), bias)
    });
    let kept_bits = (1_u8 << split.planes()) - 1;
    let symbols = upper.map(|upper| vandq_u8(upper, vdupq_n_u8(0x7f & !kept_bits)));
    // The rank, or 4 for none: ranks differ, so that at most one comparison holds.
    let ranks = symbols.map(|symbols| {
        let mut rank = vdupq_n_u8(4);
        for (i, ranked) in codes.ranked.iter().enumerate() {
            rank = vbslq_u8(vceqq_u8(symbols, vdupq_n_u8(*ranked)), vdupq_n_u8(i as u8), rank);
        }
        rank
    });
    let two = ranks.map(|rank| vandq_u8(rank, vdupq_n_u8(3)));
    // The shifts of `rank_bit`.
    let low = vorrq_u8(two[0], vshlq_n_u8::<4>(two[1]));
    let high = vorrq_u8(vshlq_n_u8::<2>(two[2]), vshlq_n_u8::<6>(two[3]));
    let mut rank_bytes = [0; RANKS];
    // SAFETY: sixteen bytes.
    unsafe { vst1q_u8(rank_bytes.as_mut_ptr(), vorrq_u8(low, high)) };
    let kept = match split {
        WordSplit::Bf16 => [0; 3],
        WordSplit::F16 => [mask::<0>(upper), mask::<1>(upper), mask::<2>(upper)],
    };
    Packed {
        ranks: rank_bytes,
        sign: mask::<7>(upper),
        kept,
        lower: store(lower),
        symbols: store(symbols),
        rare: mask::<2>(ranks),
    }
}
