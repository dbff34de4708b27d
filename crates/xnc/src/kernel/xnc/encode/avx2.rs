//! AVX2 with BMI2: a block is two registers of 16 words.

use std::arch::x86_64::*;

use super::{Block, Classes, Fields, MID_MASK, REST_MASK, put};

/// Encodes as the contract says.
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub fn encode(blocks: &[Block], bytes: &mut [u8], mut position: usize) -> usize {
    for block in blocks {
        let t = differences(block);
        let classes = classes(t);
        let u = t.map(|t| {
            let sign = _mm256_srai_epi16::<15>(t);
            _mm256_xor_si256(t, _mm256_and_si256(sign, _mm256_set1_epi16(0x7800)))
        });
        let cores = narrow(u.map(|u| low_bits(_mm256_srli_epi16::<3>(u), 0xff)));
        let mids = narrow(u.map(|u| low_bits(_mm256_srli_epi16::<11>(u), 7)));
        let rests = if classes.failing == 0 {
            0
        } else {
            let top = u.map(|u| low_bits(_mm256_srli_epi16::<11>(u), 8));
            let [low, high] = u.map(|u| low_bits(u, 7));
            let rests = narrow([_mm256_or_si256(low, top[0]), _mm256_or_si256(high, top[1])]);
            gather::<4>(lanes(rests), classes.failing)
        };
        let fields = Fields {
            signs: signs(t),
            cores: lanes(cores),
            mids: gather::<3>(lanes(mids), classes.mids()),
            rests,
        };
        position = put(bytes, position, classes, &fields);
    }
    position
}

#[target_feature(enable = "avx2")]
pub fn classify(block: &Block) -> Classes {
    classes(differences(block))
}

/// As the scalar one, with the conversions of F16C. Both keep NaNs' upper mantissa bits and make them quiet.
#[target_feature(enable = "avx2,f16c")]
pub fn image(block: &Block, images: &mut Block) -> bool {
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
    let mut lost = _mm256_setzero_si256();
    for (words, image) in block.as_chunks::<8>().0.iter().zip(images.as_chunks_mut::<8>().0) {
        // SAFETY: eight words are 16 bytes.
        let words = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
        let wide = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(words));
        let half = _mm256_cvtps_ph::<NEAREST>(_mm256_castsi256_ps(wide));
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(image.as_mut_ptr().cast(), half) };
        let back = _mm256_castps_si256(_mm256_cvtph_ps(half));
        lost = _mm256_or_si256(lost, _mm256_xor_si256(back, wide));
    }
    // What widening leaves below the upper 16 bits is not part of a word.
    let lost = _mm256_srli_epi32::<16>(lost);
    _mm256_testz_si256(lost, lost) == 1
}

/// The words after XOR.
#[inline]
#[target_feature(enable = "avx2")]
fn differences(block: &Block) -> [__m256i; 2] {
    let (low, high) = (load(block, 0), load(block, 16));
    // Words before those of the lower half: it moved by a word, a zero in front.
    let lower_lane = _mm256_permute2x128_si256::<0x08>(low, low);
    let before = _mm256_alignr_epi8::<14>(low, lower_lane);
    [_mm256_xor_si256(low, before), _mm256_xor_si256(high, load(block, 15))]
}

#[inline]
#[target_feature(enable = "avx2")]
fn classes(t: [__m256i; 2]) -> Classes {
    let without = |bits: u16| {
        let zero = _mm256_setzero_si256();
        signs(t.map(|t| _mm256_cmpeq_epi16(low_bits(t, bits), zero)))
    };
    Classes { failing: !without(REST_MASK), with_mid: !without(MID_MASK) }
}

/// The sign bits of 32 words.
#[inline]
#[target_feature(enable = "avx2")]
fn signs([low, high]: [__m256i; 2]) -> u32 {
    // Packing works inside lanes; the permutation puts the four quarters in order.
    let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(low, high));
    _mm256_movemask_epi8(bytes) as u32
}

/// The low bytes of 32 words whose high bytes are zero.
#[inline]
#[target_feature(enable = "avx2")]
fn narrow([low, high]: [__m256i; 2]) -> __m256i {
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(low, high))
}

#[inline]
#[target_feature(enable = "avx2")]
fn low_bits(words: __m256i, bits: u16) -> __m256i {
    _mm256_and_si256(words, _mm256_set1_epi16(bits as i16))
}

/// The fields of `WIDTH` bits that `mask` names, one after another, from the bytes of `lanes`.
#[inline]
#[target_feature(enable = "bmi2,popcnt")]
fn gather<const WIDTH: u32>(lanes: [u64; 4], mask: u32) -> u128 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let part = |lane: u64, eight: u32| {
        let places = _pdep_u64(u64::from(mask >> (8 * eight) & 0xff), EACH) * ((1 << WIDTH) - 1);
        _pext_u64(lane, places)
    };
    let filled = |words: u32| WIDTH * (mask & ((1 << words) - 1)).count_ones();
    let low = part(lanes[0], 0) | part(lanes[1], 1) << filled(8);
    let high = part(lanes[2], 2) | part(lanes[3], 3) << (filled(24) - filled(16));
    u128::from(low) | u128::from(high) << filled(16)
}

#[inline]
#[target_feature(enable = "avx2")]
fn lanes(bytes: __m256i) -> [u64; 4] {
    [
        _mm256_extract_epi64::<0>(bytes) as u64,
        _mm256_extract_epi64::<1>(bytes) as u64,
        _mm256_extract_epi64::<2>(bytes) as u64,
        _mm256_extract_epi64::<3>(bytes) as u64,
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &Block, first: usize) -> __m256i {
    let words: &[u16; 16] = block[first..].first_chunk().expect("half a block");
    // SAFETY: 16 words are 32 bytes.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}
