//! AVX2 with BMI2: a block is two registers of 16 words.

use std::arch::x86_64::*;

use super::{Block, CORES, MIDS, RESTS, SIGNS, WINDOW, bits, head, scalar, window};

/// As the scalar one.
#[target_feature(enable = "popcnt,bmi1,bmi2")]
pub fn skip(bytes: &[u8], position: usize, blocks: usize) -> (usize, usize) {
    scalar::skip(bytes, position, blocks)
}

/// As the scalar one.
#[target_feature(enable = "avx2,bmi1,bmi2,f16c,popcnt")]
pub fn decode<const BF16: bool>(bytes: &[u8], mut position: usize, blocks: &mut [Block]) -> (usize, usize) {
    for (done, block) in blocks.iter_mut().enumerate() {
        let Some((window, shift)) = window(bytes, position) else { return (done, position) };
        let head = head(window, shift);
        let signs = bits(window, shift + SIGNS) as u32;
        let with_mid = if head.flag { head.selectors } else { u32::MAX };
        // Bits 6 to 13 of all words as bytes, and bits 1 to 5 as bytes.
        let cores = cores(window, shift + CORES);
        let mids = spread::<3>(window, shift + MIDS, with_mid);
        let inverted = _mm256_xor_si256(under(signs, 0x10), under(signs & with_mid, 7));
        let [mut low, mut high] =
            interleave(cores, _mm256_xor_si256(mids, inverted)).map(|words| _mm256_slli_epi16::<3>(words));
        if !head.flag {
            let rests = spread::<4>(window, shift + RESTS, head.selectors);
            let rests = _mm256_xor_si256(rests, under(signs & head.selectors, 8));
            let rest = |words| {
                let top = _mm256_slli_epi16::<11>(_mm256_and_si256(words, _mm256_set1_epi16(8)));
                _mm256_or_si256(top, _mm256_and_si256(words, _mm256_set1_epi16(7)))
            };
            let [below, above] = interleave(rests, _mm256_setzero_si256());
            low = _mm256_xor_si256(low, rest(below));
            high = _mm256_xor_si256(high, rest(above));
        }
        let (low, high) = (prefix_xor(low), prefix_xor(high));
        let high = _mm256_xor_si256(high, last_word(_mm256_permute4x64_epi64::<0xff>(low)));
        for (to, words) in block.as_chunks_mut::<16>().0.iter_mut().zip([low, high]) {
            store(to, if BF16 { widen(words) } else { words });
        }
        position += head.bits;
    }
    (blocks.len(), position)
}

/// 32 bytes from a bit position on.
#[inline]
#[target_feature(enable = "avx2")]
fn cores(window: &[u8; WINDOW], at: usize) -> __m256i {
    let (here, next) = (load(window, at / 8), load(window, at / 8 + 8));
    // Each lane takes its upper bits from the next one; a shift by 64 gives zero.
    let shift = (at % 8) as i32;
    let lower = _mm256_srl_epi64(here, _mm_cvtsi32_si128(shift));
    _mm256_or_si256(lower, _mm256_sll_epi64(next, _mm_cvtsi32_si128(64 - shift)))
}

/// Gives fields of `WIDTH` bits, in order, to the bytes that `mask` names; the others are zero.
#[inline]
#[target_feature(enable = "avx2,bmi2,popcnt")]
fn spread<const WIDTH: u32>(window: &[u8; WINDOW], mut at: usize, mask: u32) -> __m256i {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let lanes = [0, 8, 16, 24].map(|first| {
        let places = _pdep_u64(u64::from(mask >> first & 0xff), EACH) * ((1 << WIDTH) - 1);
        let lane = _pdep_u64(bits(window, at), places) as i64;
        at += (WIDTH * (mask >> first & 0xff).count_ones()) as usize;
        lane
    });
    _mm256_setr_epi64x(lanes[0], lanes[1], lanes[2], lanes[3])
}

/// `value` in the bytes that `mask` names, zero in the others.
#[inline]
#[target_feature(enable = "avx2")]
fn under(mask: u32, value: i8) -> __m256i {
    let eights = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201u64 as i64);
    let set = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(mask as i32), eights), bit);
    _mm256_and_si256(_mm256_cmpeq_epi8(set, bit), _mm256_set1_epi8(value))
}

/// Words of these low and high bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn interleave(low: __m256i, high: __m256i) -> [__m256i; 2] {
    // Interleaving works inside lanes, which need bytes 0 to 7 with 16 to 23 before the others.
    let [low, high] = [low, high].map(|bytes| _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes));
    [_mm256_unpacklo_epi8(low, high), _mm256_unpackhi_epi8(low, high)]
}

/// Prefix XOR of 16 words.
#[inline]
#[target_feature(enable = "avx2")]
fn prefix_xor(t: __m256i) -> __m256i {
    let t = _mm256_xor_si256(t, _mm256_slli_epi64::<16>(t));
    let t = _mm256_xor_si256(t, _mm256_slli_epi64::<32>(t));
    // The upper half of a lane takes the last word of its lower half.
    let half = _mm256_set1_epi64x(0x0706_0706_0706_0706);
    let half = _mm256_unpacklo_epi64(_mm256_set1_epi64x(-1), half);
    let t = _mm256_xor_si256(t, _mm256_shuffle_epi8(t, half));
    // The upper lane takes the last word of the lower one.
    _mm256_xor_si256(t, last_word(_mm256_permute2x128_si256::<0x08>(t, t)))
}

/// The last word of each lane of 128 bits in all of the lane.
#[inline]
#[target_feature(enable = "avx2")]
fn last_word(words: __m256i) -> __m256i {
    _mm256_shuffle_epi8(words, _mm256_set1_epi16(0x0f0e))
}

/// BF16 words of FP16 images. The conversion makes NaNs quiet, and is exact whatever the control register
/// says.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn widen(words: __m256i) -> __m256i {
    let upper = |eight| _mm256_srli_epi32::<16>(_mm256_castps_si256(_mm256_cvtph_ps(eight)));
    let low = upper(_mm256_castsi256_si128(words));
    let high = upper(_mm256_extracti128_si256::<1>(words));
    // Packing works inside lanes; the permutation puts the four quarters in order.
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(window: &[u8; WINDOW], at: usize) -> __m256i {
    let bytes: &[u8; 32] = window[at..].first_chunk().expect("fields lie inside the window");
    // SAFETY: 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(to: &mut [u16; 16], words: __m256i) {
    // SAFETY: 16 words are 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) }
}
