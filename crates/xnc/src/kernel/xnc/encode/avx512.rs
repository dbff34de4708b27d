//! AVX-512 with VBMI and VBMI2: a block is one register, and so are its bits.

use std::arch::x86_64::*;

use super::{Block, Classes, MID_MASK, REST_MASK, put_rests};

/// Word 0 takes any, each other the word before it.
static BEFORE: [u16; 32] = {
    let mut from = [0; 32];
    let mut i = 1;
    while i < 32 {
        from[i] = i as u16 - 1;
        i += 1;
    }
    from
};
/// Lanes 1 to 4 take lanes 0 to 3: cores move behind selectors and signs.
static CORE_LANES: [u64; 8] = [0, 0, 1, 2, 3, 0, 0, 0];
/// Bytes 40 to 51 take three bytes, eight mids, from each of four lanes.
static MID_BYTES: [u8; 64] = {
    let mut from = [0; 64];
    let mut i = 0;
    while i < 12 {
        from[40 + i] = (i / 3 * 8 + i % 3) as u8;
        i += 1;
    }
    from
};

/// Encodes as the contract says.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub fn encode(blocks: &[Block], bytes: &mut [u8], mut position: usize) -> usize {
    for block in blocks {
        let words = load(block);
        let t = _mm512_xor_si512(words, _mm512_maskz_permutexvar_epi16(!1, load(&BEFORE), words));
        let signs = _mm512_movepi16_mask(t);
        let classes = Classes {
            failing: _mm512_test_epi16_mask(t, _mm512_set1_epi16(REST_MASK as i16)),
            with_mid: _mm512_test_epi16_mask(t, _mm512_set1_epi16(MID_MASK as i16)),
        };
        let (flag, selectors, bits) = classes.head();
        let inverted = _mm512_maskz_mov_epi16(signs, _mm512_set1_epi16(0x7800));
        let u = _mm512_xor_si512(t, inverted);

        let cores = _mm512_castsi256_si512(_mm512_cvtepi16_epi8(_mm512_srli_epi16::<3>(u)));
        let mids = _mm512_and_si512(_mm512_srli_epi16::<11>(u), _mm512_set1_epi16(7));
        let mids = pack_mids(_mm512_maskz_compress_epi16(classes.mids(), mids));
        let head = u64::from(selectors) | u64::from(signs) << 32;
        let whole = _mm512_maskz_permutexvar_epi8(0xfff << 40, load(&MID_BYTES), mids);
        let whole = _mm512_mask_permutexvar_epi64(whole, 0b1_1110, load(&CORE_LANES), cores);
        let whole = _mm512_mask_set1_epi64(whole, 1, head as i64);

        // The flag comes before whole bytes, so they move by one more: by 8 at most.
        let (first, shift) = (position / 8, position % 8);
        let by = _mm512_set1_epi64(shift as i64 + 1);
        let carried = _mm512_alignr_epi64::<7>(whole, _mm512_setzero_si512());
        let shifted = _mm512_shldv_epi64(whole, carried, by);
        let bytes: &mut [u8; 69] = bytes[first..].first_chunk_mut().expect("the room was asserted");
        // The first byte is put together by itself: the next block then waits for nothing but the position.
        let before = bytes[0] & !(u8::MAX << shift) | u8::from(flag) << shift;
        store(bytes.first_chunk_mut().expect("64 of 69"), shifted);
        bytes[0] = before | (head << (shift + 1)) as u8;
        if !flag {
            let rests = _mm512_and_si512(u, _mm512_set1_epi16(7));
            let top = _mm512_and_si512(_mm512_srli_epi16::<11>(u), _mm512_set1_epi16(8));
            let rests = _mm512_or_si512(rests, top);
            let rests = _mm512_maskz_compress_epi16(classes.failing, rests);
            put_rests(bytes, shift, pack_rests(rests));
        }
        position += bits;
    }
    position
}

/// Packs 32 fields of three bits: 24 bits in each lane of 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn pack_mids(fields: __m512i) -> __m512i {
    let bytes = _mm512_cvtepi16_epi8(fields);
    let pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi16(0x0801));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0040_0001));
    _mm512_castsi256_si512(_mm256_or_si256(fours, _mm256_srli_epi64::<20>(fours)))
}

/// Packs 32 fields of four bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn pack_rests(fields: __m512i) -> u128 {
    let bytes = _mm512_cvtepi16_epi8(fields);
    let pairs = _mm256_maddubs_epi16(bytes, _mm256_set1_epi16(0x1001));
    let packed = _mm256_cvtepi16_epi8(pairs);
    u128::from(_mm_extract_epi64::<0>(packed) as u64)
        | u128::from(_mm_extract_epi64::<1>(packed) as u64) << 64
}

/// What fills a register and has no padding.
trait Register {}
impl Register for [u8; 64] {}
impl Register for [u16; 32] {}
impl Register for [u64; 8] {}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(from: &impl Register) -> __m512i {
    // SAFETY: implementors are arrays of 64 bytes.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(from).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [u8; 64], bytes: __m512i) {
    // SAFETY: 64 bytes.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), bytes) }
}
