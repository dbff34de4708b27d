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
        let mut halves = [_mm256_setzero_si256(); 2];
        let (mut mids_at, mut rests_at) = (shift + MIDS, shift + RESTS);
        for (half, t) in halves.iter_mut().enumerate() {
            let (sign, with_mid) = ((signs >> (16 * half)) as u16, (with_mid >> (16 * half)) as u16);
            let mids = spread::<3>(bits(window, mids_at), with_mid);
            mids_at += 3 * with_mid.count_ones() as usize;
            *t = cores(window, shift + CORES + 128 * half);
            *t = _mm256_xor_si256(*t, _mm256_slli_epi16::<11>(mids));
            *t = _mm256_xor_si256(*t, under(sign, 0x8000));
            *t = _mm256_xor_si256(*t, under(sign & with_mid, 0x3800));
            if !head.flag {
                let failing = (head.selectors >> (16 * half)) as u16;
                // Sixteen rests need 64 bits; a load has 57 for certain.
                let low = bits(window, rests_at) & 0xffff_ffff;
                let rests = spread::<4>(low | bits(window, rests_at + 32) << 32, failing);
                rests_at += 4 * failing.count_ones() as usize;
                let top = _mm256_slli_epi16::<11>(_mm256_and_si256(rests, _mm256_set1_epi16(8)));
                *t = _mm256_xor_si256(*t, _mm256_and_si256(rests, _mm256_set1_epi16(7)));
                *t = _mm256_xor_si256(*t, _mm256_xor_si256(top, under(sign & failing, 0x4000)));
            }
        }
        let [low, high] = halves.map(|t| prefix_xor(t));
        let high = _mm256_xor_si256(high, last_word(_mm256_permute4x64_epi64::<0xff>(low)));
        for (to, words) in block.as_chunks_mut::<16>().0.iter_mut().zip([low, high]) {
            store(to, if BF16 { widen(words) } else { words });
        }
        position += head.bits;
    }
    (blocks.len(), position)
}

/// Sixteen cores at bits 3 to 10.
#[inline]
#[target_feature(enable = "avx2")]
fn cores(window: &[u8; WINDOW], at: usize) -> __m256i {
    let bytes = _mm256_set_m128i(load(window, at / 8 + 8), load(window, at / 8));
    // Each core with the byte behind it, which has its upper bits.
    let pairs = _mm256_setr_epi8(
        0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8,
    );
    let words = _mm256_srl_epi16(_mm256_shuffle_epi8(bytes, pairs), _mm_cvtsi32_si128((at % 8) as i32));
    _mm256_slli_epi16::<3>(_mm256_and_si256(words, _mm256_set1_epi16(0xff)))
}

/// Gives fields of `WIDTH` bits, in order, to the words that `mask` names; the others are zero.
#[inline]
#[target_feature(enable = "avx2,bmi2,popcnt")]
fn spread<const WIDTH: u32>(fields: u64, mask: u16) -> __m256i {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let places = |mask: u16| _pdep_u64(u64::from(mask & 0xff), EACH) * ((1 << WIDTH) - 1);
    let low = _pdep_u64(fields, places(mask));
    let high = _pdep_u64(fields >> (WIDTH * (mask & 0xff).count_ones()), places(mask >> 8));
    _mm256_cvtepu8_epi16(_mm_set_epi64x(high as i64, low as i64))
}

/// `value` in the words that `mask` names, zero in the others.
#[inline]
#[target_feature(enable = "avx2")]
fn under(mask: u16, value: u16) -> __m256i {
    let bit = _mm256_setr_epi16(
        1,
        2,
        4,
        8,
        0x10,
        0x20,
        0x40,
        0x80,
        0x100,
        0x200,
        0x400,
        0x800,
        0x1000,
        0x2000,
        0x4000,
        i16::MIN,
    );
    let set = _mm256_and_si256(_mm256_set1_epi16(mask as i16), bit);
    _mm256_and_si256(_mm256_cmpeq_epi16(set, bit), _mm256_set1_epi16(value as i16))
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

/// BF16 words of FP16 images. The conversion makes NaNs quiet, and is exact whatever the control register says.
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
fn load(window: &[u8; WINDOW], at: usize) -> __m128i {
    let bytes: &[u8; 16] = window[at..].first_chunk().expect("fields lie inside the window");
    // SAFETY: 16 bytes.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(to: &mut [u16; 16], words: __m256i) {
    // SAFETY: 16 words are 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), words) }
}
