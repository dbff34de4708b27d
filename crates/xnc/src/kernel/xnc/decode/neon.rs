//! NEON: a block is two registers of bytes, then four of eight words.
//!
//! Nothing spreads the bits of a field over those that a mask names, so fields are first taken apart as if
//! all words had one; then each word picks the one whose number is that of the selected words before it.

use std::arch::aarch64::*;

use super::{Block, WINDOW, head, window};
use crate::kernel::widen::f16_values;

/// Bytes from that of the selectors' first bit to that of the cores', the mids' and the rests': all fields
/// behind the flag begin at the same bit of their byte.
const CORES: usize = super::CORES / 8;
const MIDS: usize = super::MIDS / 8;
const RESTS: usize = super::RESTS / 8;

/// The byte of a mask of 32 bits in which each word's bit is.
static BYTE: [[u8; 16]; 2] =
    [[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]];
/// Each word's bit in that byte, and those below it.
static BIT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
static BELOW: [u8; 16] = [0, 1, 3, 7, 15, 31, 63, 127, 0, 1, 3, 7, 15, 31, 63, 127];
/// Two bytes for each of eight mids, which fill three.
static MID_BYTES: [[u8; 16]; 4] = {
    let mut from = [[0; 16]; 4];
    let mut i = 0;
    while i < 64 {
        from[i / 16][i % 16] = (3 * (i / 16) + 3 * (i % 16 / 2) / 8 + i % 2) as u8;
        i += 1;
    }
    from
};
/// How far a mid lies from bit 0 of its two bytes, as a shift to the left.
static MID_SHIFT: [i16; 8] = [0, -3, -6, -1, -4, -7, -2, -5];

/// As the scalar one.
#[target_feature(enable = "neon")]
pub fn decode<const BF16: bool>(bytes: &[u8], mut position: usize, blocks: &mut [Block]) -> (usize, usize) {
    for (done, block) in blocks.iter_mut().enumerate() {
        let Some((window, shift)) = window(bytes, position) else { return (done, position) };
        let head = head(window, shift);
        let fields = Fields { window, first: (shift + 1) / 8, shift: (shift + 1) % 8 };
        // Selectors, then signs.
        let masks = fields.at(0);
        let selected = BYTE.each_ref().map(|places| spread(vqtbl1q_u8(masks, load(places))));
        let signs = BYTE.each_ref().map(|places| spread(vqtbl1q_u8(masks, vaddq_u8(load(places), set(4)))));
        let cores = [fields.at(CORES), fields.at(CORES + 16)];
        let mids = mids(fields.at(MIDS));
        let picks = picks(masks, selected);
        // Bits 1 to 5 of all words as bytes, below them as the least significant bits 14 to 16.
        let words = if head.flag {
            let mids = pick(mids, picks);
            let high = |i: usize| {
                let inverted = vorrq_u8(vandq_u8(selected[i], set(7)), set(0x10));
                veorq_u8(mids[i], vandq_u8(signs[i], inverted))
            };
            let [low, high] =
                [0, 1].map(|i| interleave(cores[i], high(i)).map(|words| vshlq_n_u16::<3>(words)));
            [low[0], low[1], high[0], high[1]]
        } else {
            let rests = pick(rests(fields.at(RESTS)), picks);
            let high = |i: usize| {
                let inverted = vorrq_u8(vandq_u8(selected[i], set(8)), set(0x17));
                let top = vandq_u8(rests[i], set(8));
                veorq_u8(veorq_u8(mids[i], top), vandq_u8(signs[i], inverted))
            };
            let [low, high] = [0, 1].map(|i| {
                let ([a, b], [c, d]) = (interleave(rests[i], rests[i]), interleave(cores[i], high(i)));
                // Only the three least significant bits of the rests stay.
                [vsliq_n_u16::<3>(a, c), vsliq_n_u16::<3>(b, d)]
            });
            [low[0], low[1], high[0], high[1]]
        };
        for (to, words) in block.as_chunks_mut::<8>().0.iter_mut().zip(prefix_xor(words)) {
            store(to, if BF16 { widen(words) } else { words });
        }
        position += head.bits;
    }
    (blocks.len(), position)
}

/// What follows a block's flag.
#[derive(Clone, Copy)]
struct Fields<'a> {
    window: &'a [u8; WINDOW],
    /// The byte and the bit in which it begins.
    first: usize,
    shift: usize,
}

impl Fields<'_> {
    /// 16 bytes, so many behind the begin.
    #[inline]
    #[target_feature(enable = "neon")]
    fn at(self, byte: usize) -> uint8x16_t {
        let part = |at: usize| {
            let part: &[u8; 16] = self.window[at..].first_chunk().expect("fields lie inside the window");
            load(part)
        };
        let (here, next) = (part(self.first + byte), part(self.first + byte + 1));
        // A shift to the left by eight gives zero.
        let shift = self.shift as i8;
        let lower = vshlq_u8(here, vdupq_n_s8(-shift));
        vorrq_u8(lower, vshlq_u8(next, vdupq_n_s8(8 - shift)))
    }
}

/// Ones in the bytes of words whose bit is set; each has the byte of its bit.
#[inline]
#[target_feature(enable = "neon")]
fn spread(bytes: uint8x16_t) -> uint8x16_t {
    vtstq_u8(bytes, load(&BIT))
}

/// For each selected word how many are before it; for the others no number of any word.
#[inline]
#[target_feature(enable = "neon")]
fn picks(masks: uint8x16_t, selected: [uint8x16_t; 2]) -> [uint8x16_t; 2] {
    // A product whose bytes are sums of all lower bytes.
    let counts = vreinterpret_u32_u8(vcnt_u8(vget_low_u8(masks)));
    let sums = vreinterpret_u8_u32(vmul_u32(counts, vdup_n_u32(0x0101_0100)));
    let sums = vcombine_u8(sums, sums);
    [0, 1].map(|i| {
        let places = load(&BYTE[i]);
        let before = vcntq_u8(vandq_u8(vqtbl1q_u8(masks, places), load(&BELOW)));
        vornq_u8(vaddq_u8(before, vqtbl1q_u8(sums, places)), selected[i])
    })
}

/// The fields of these numbers, zero for others.
#[inline]
#[target_feature(enable = "neon")]
fn pick(fields: [uint8x16_t; 2], picks: [uint8x16_t; 2]) -> [uint8x16_t; 2] {
    picks.map(|picks| vqtbl2q_u8(uint8x16x2_t(fields[0], fields[1]), picks))
}

/// 32 fields of three bits.
#[inline]
#[target_feature(enable = "neon")]
fn mids(bits: uint8x16_t) -> [uint8x16_t; 2] {
    // SAFETY: eight words are 16 bytes.
    let shift = unsafe { vld1q_s16(MID_SHIFT.as_ptr()) };
    let eight = |from: &[u8; 16]| {
        let pairs = vreinterpretq_u16_u8(vqtbl1q_u8(bits, load(from)));
        vreinterpretq_u8_u16(vshlq_u16(pairs, shift))
    };
    let [a, b, c, d] = MID_BYTES.each_ref().map(eight);
    [vuzp1q_u8(a, b), vuzp1q_u8(c, d)].map(|bytes| vandq_u8(bytes, set(7)))
}

/// 32 fields of four bits.
#[inline]
#[target_feature(enable = "neon")]
fn rests(bits: uint8x16_t) -> [uint8x16_t; 2] {
    let (even, odd) = (vandq_u8(bits, set(15)), vshrq_n_u8::<4>(bits));
    [vzip1q_u8(even, odd), vzip2q_u8(even, odd)]
}

/// Words of these low and high bytes.
#[inline]
#[target_feature(enable = "neon")]
fn interleave(low: uint8x16_t, high: uint8x16_t) -> [uint16x8_t; 2] {
    [vzip1q_u8(low, high), vzip2q_u8(low, high)].map(|bytes| vreinterpretq_u16_u8(bytes))
}

/// Prefix XOR of 32 words.
#[inline]
#[target_feature(enable = "neon")]
fn prefix_xor(words: [uint16x8_t; 4]) -> [uint16x8_t; 4] {
    let zero = vdupq_n_u16(0);
    let [a, b, c, d] = words.map(|t| {
        let t = veorq_u16(t, vextq_u16::<7>(zero, t));
        let t = veorq_u16(t, vextq_u16::<6>(zero, t));
        veorq_u16(t, vextq_u16::<4>(zero, t))
    });
    let b = veorq_u16(b, vdupq_laneq_u16::<7>(a));
    let c = veorq_u16(c, vdupq_laneq_u16::<7>(b));
    [a, b, c, veorq_u16(d, vdupq_laneq_u16::<7>(c))]
}

/// BF16 words of FP16 images. The conversion is exact and makes NaNs quiet.
#[inline]
#[target_feature(enable = "neon")]
fn widen(words: uint16x8_t) -> uint16x8_t {
    let [low, high] = f16_values(words).map(|values| vreinterpretq_u16_f32(values));
    vuzp2q_u16(low, high)
}

#[inline]
#[target_feature(enable = "neon")]
fn set(byte: u8) -> uint8x16_t {
    vdupq_n_u8(byte)
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: 16 bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(to: &mut [u16; 8], words: uint16x8_t) {
    // SAFETY: eight words are 16 bytes.
    unsafe { vst1q_u16(to.as_mut_ptr(), words) }
}
