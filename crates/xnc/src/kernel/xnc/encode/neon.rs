//! NEON: a block is four registers of eight words.

use std::arch::aarch64::*;

use super::{Block, Classes, Fields, MID_MASK, REST_MASK, put};
use crate::kernel::widen::{f16_values, f16_words};

/// For each mask of eight bits the numbers of those that are set, then numbers past all; and how many.
struct Named {
    places: [[u8; 8]; 256],
    count: [u8; 256],
}

static NAMED: Named = {
    let mut named = Named { places: [[0xff; 8]; 256], count: [0; 256] };
    let mut i = 0;
    while i < 8 * 256 {
        let (mask, bit) = (i / 8, i % 8);
        if mask >> bit & 1 == 1 {
            named.places[mask][named.count[mask] as usize] = bit as u8;
            named.count[mask] += 1;
        }
        i += 1;
    }
    named
};

/// Encodes as the contract says.
#[target_feature(enable = "neon")]
pub fn encode(blocks: &[Block], bytes: &mut [u8], mut position: usize) -> usize {
    for block in blocks {
        let t = differences(block);
        let signs = t.map(|t| negative(t));
        let (classes, sign_bits) = classes(t, signs);
        let u: [uint16x8_t; 4] =
            std::array::from_fn(|i| veorq_u16(t[i], vandq_u16(signs[i], vdupq_n_u16(0x7800))));
        let core = |i: usize| vshrn_high_n_u16::<3>(vshrn_n_u16::<3>(u[i]), u[i + 1]);
        // Bits 1 to 5 of all words.
        let high = [0, 2].map(|i| vshrq_n_u8::<3>(vuzp2q_u8(bytes_of(u[i]), bytes_of(u[i + 1]))));
        let mids = high.map(|high| vandq_u8(high, vdupq_n_u8(7)));
        let rests = if classes.failing == 0 {
            0
        } else {
            let rests = [0, 1].map(|i| {
                let low = vuzp1q_u8(bytes_of(u[2 * i]), bytes_of(u[2 * i + 1]));
                vorrq_u8(vandq_u8(low, vdupq_n_u8(7)), vandq_u8(high[i], vdupq_n_u8(8)))
            });
            gather::<4>(rests, classes.failing)
        };
        let fields = Fields {
            signs: sign_bits,
            cores: lanes([core(0), core(2)].map(|bytes| vreinterpretq_u64_u8(bytes))),
            mids: gather::<3>(mids, classes.mids()),
            rests,
        };
        position = put(bytes, position, classes, &fields);
    }
    position
}

#[target_feature(enable = "neon")]
pub fn classify(block: &Block) -> Classes {
    let t = differences(block);
    classes(t, t.map(|t| negative(t))).0
}

/// As the scalar one, with the conversions of the instruction set. Both keep NaNs' upper mantissa bits and make
/// them quiet.
#[target_feature(enable = "neon")]
pub fn image(block: &Block, images: &mut Block) -> bool {
    let mut lost = vdupq_n_u16(0);
    for (words, image) in block.as_chunks::<8>().0.iter().zip(images.as_chunks_mut::<8>().0) {
        let words = load(words);
        let zero = vdupq_n_u16(0);
        let wide = [vzip1q_u16(zero, words), vzip2q_u16(zero, words)];
        let [low, high] = wide.map(|v| vreinterpretq_f32_u16(v));
        let half = f16_words(low, high);
        // SAFETY: eight words are 16 bytes.
        unsafe { vst1q_u16(image.as_mut_ptr(), half) };
        // What widening leaves below the upper 16 bits is not part of a word.
        let [low, high] = f16_values(half).map(|v| vreinterpretq_u16_f32(v));
        lost = vorrq_u16(lost, veorq_u16(vuzp2q_u16(low, high), words));
    }
    vmaxvq_u16(lost) == 0
}

/// The words after XOR.
#[inline]
#[target_feature(enable = "neon")]
fn differences(block: &Block) -> [uint16x8_t; 4] {
    std::array::from_fn(|i| {
        let part = |first: usize| load(block[first..].first_chunk().expect("a quarter of a block"));
        let words = part(8 * i);
        let before = if i == 0 { vextq_u16::<7>(vdupq_n_u16(0), words) } else { part(8 * i - 1) };
        veorq_u16(words, before)
    })
}

/// Ones in all of the words whose sign is set.
#[inline]
#[target_feature(enable = "neon")]
fn negative(t: uint16x8_t) -> uint16x8_t {
    vcltzq_s16(vreinterpretq_s16_u16(t))
}

/// Classes of the words, and bit i for mask i: the masks are ones or zeros.
#[inline]
#[target_feature(enable = "neon")]
fn classes(t: [uint16x8_t; 4], masks: [uint16x8_t; 4]) -> (Classes, u32) {
    let with = |bits: u16| t.map(|t| vtstq_u16(t, vdupq_n_u16(bits)));
    let bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let pairs = |masks: [uint16x8_t; 4]| {
        let [a, b, c, d] = masks.map(|mask| bytes_of(mask));
        vpaddq_u8(vandq_u8(vuzp1q_u8(a, b), bit), vandq_u8(vuzp1q_u8(c, d), bit))
    };
    // Sums of eight bytes that have each another bit.
    let [failing, with_mid, masks] = [with(REST_MASK), with(MID_MASK), masks].map(pairs);
    let all = vpaddq_u8(vpaddq_u8(failing, with_mid), vpaddq_u8(masks, masks));
    let all = vreinterpretq_u32_u8(all);
    let classes = Classes { failing: vgetq_lane_u32::<0>(all), with_mid: vgetq_lane_u32::<1>(all) };
    (classes, vgetq_lane_u32::<2>(all))
}

/// The fields of `WIDTH` bits, at most four, that `mask` names, one after another.
#[inline]
#[target_feature(enable = "neon")]
fn gather<const WIDTH: u8>(fields: [uint8x16_t; 2], mask: u32) -> u128 {
    let eights = mask.to_le_bytes().map(usize::from);
    let packed = [0, 1].map(|i| {
        let places = |eight: usize| {
            // SAFETY: eight bytes.
            unsafe { vld1_u8(NAMED.places[eights[eight]].as_ptr()) }
        };
        // Numbers in the upper half count from eight; those past all stay there.
        let upper = vorr_u8(places(2 * i + 1), vdup_n_u8(8));
        pack::<WIDTH>(vqtbl1q_u8(fields[i], vcombine_u8(places(2 * i), upper)))
    });
    let [a, b, c, d] = lanes(packed);
    let filled = |eight: usize| u32::from(WIDTH * NAMED.count[eights[eight]]);
    let (low, high) = (a | b << filled(0), c | d << filled(2));
    u128::from(low) | u128::from(high) << (filled(0) + filled(1))
}

/// Eight fields of `WIDTH` bits to each lane, without gaps.
#[inline]
#[target_feature(enable = "neon")]
fn pack<const WIDTH: u8>(fields: uint8x16_t) -> uint64x2_t {
    let by = u64::from(WIDTH);
    // Every other field moves up to the one before it, and they are added.
    let odd = vreinterpretq_s8_u64(vdupq_n_u64(by * 0x0100_0100_0100_0100));
    let pairs = vpaddlq_u8(vshlq_u8(fields, odd));
    let odd = vreinterpretq_s16_u64(vdupq_n_u64(2 * by * 0x0001_0000_0001_0000));
    let fours = vpaddlq_u16(vshlq_u16(pairs, odd));
    let odd = vreinterpretq_s32_u64(vdupq_n_u64(4 * by * 0x0000_0001_0000_0000));
    vpaddlq_u32(vshlq_u32(fours, odd))
}

#[inline]
#[target_feature(enable = "neon")]
fn lanes([low, high]: [uint64x2_t; 2]) -> [u64; 4] {
    [vgetq_lane_u64::<0>(low), vgetq_lane_u64::<1>(low), vgetq_lane_u64::<0>(high), vgetq_lane_u64::<1>(high)]
}

#[inline]
#[target_feature(enable = "neon")]
fn bytes_of(words: uint16x8_t) -> uint8x16_t {
    vreinterpretq_u8_u16(words)
}

#[inline]
#[target_feature(enable = "neon")]
fn load(words: &[u16; 8]) -> uint16x8_t {
    // SAFETY: eight words are 16 bytes.
    unsafe { vld1q_u16(words.as_ptr()) }
}
