//! AVX-512 with VBMI and VBMI2: a block is one register.
//!
//! Only the head is read by scalar code: it finds the next block, so blocks overlap in the CPU however long
//! the vector work takes.

use std::arch::x86_64::*;

use super::{Block, CORES, MIDS, RESTS, SIGNS, WINDOW, bits, head, window};

/// For each bit offset, what `vpmultishiftqb` picks for every byte.
#[repr(align(64))]
struct Picks([[u8; 64]; 8]);

/// Fields of `width` bits into 16-bit words. `lanes` lanes of 64 bits are given the same bits, so fields
/// count on through them; the bits start a byte before the first field's, so no pick is negative. `low` and
/// `high` say how far before its field a word's byte begins.
const fn picks(width: usize, lanes: usize, low: isize, high: isize) -> Picks {
    let mut picks = Picks([[0; 64]; 8]);
    let mut at = 0;
    while at < 8 * 64 {
        let (shift, byte) = (at / 64, at % 64);
        let field = byte / 2 % (4 * lanes);
        let before = if byte % 2 == 0 { low } else { high };
        picks.0[shift][byte] = ((8 + shift + width * field) as isize - before) as u8;
        at += 1;
    }
    picks
}

/// Core to bits 3 to 10 of the word, counted from the least significant as 0.
static CORE: Picks = picks(8, 1, 3, -5);
/// Mid to bits 11 to 13.
static MID: Picks = picks(3, 4, 3, 3);
/// Rest to bits 0 to 2 and, its top bit, 14.
static REST: Picks = picks(4, 1, 0, -3 + 6);

/// Lane `j` takes the 32-bit parts `j` and `j + 1`: four cores and the bits around them.
static CORE_LANES: [i32; 16] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8];
/// Lane `j` takes the 16-bit parts `j` to `j + 3`: four rests and the bits around them.
static REST_LANES: [u16; 32] = {
    let mut parts = [0; 32];
    let mut i = 0;
    while i < 32 {
        parts[i] = (i / 4 + i % 4) as u16;
        i += 1;
    }
    parts
};
/// Words 8 to 31 take the last word of the eight before; words 16 to 31 that of the eight before those.
static CARRY: [[u16; 32]; 2] = {
    let mut from = [[0; 32]; 2];
    let mut i = 8;
    while i < 32 {
        from[0][i] = (i as u16 / 8) * 8 - 1;
        if i >= 16 {
            from[1][i] = (i as u16 / 8) * 8 - 9;
        }
        i += 1;
    }
    from
};
/// The upper halves of 32-bit lanes of two registers.
static UPPER: [u16; 32] = {
    let mut from = [0; 32];
    let mut i = 0;
    while i < 32 {
        from[i] = 2 * i as u16 + 1;
        i += 1;
    }
    from
};

/// As the scalar one.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi2,popcnt")]
pub fn decode<const BF16: bool>(bytes: &[u8], mut position: usize, blocks: &mut [Block]) -> (usize, usize) {
    for (done, block) in blocks.iter_mut().enumerate() {
        let Some((window, shift)) = window(bytes, position) else { return (done, position) };
        let head = head(window, shift);
        let signs = bits(window, shift + SIGNS) as u32;
        // All fields behind the flag begin at the same bit of their byte.
        let odd = (shift + 1) % 8;

        let near = load(part(window, (shift + CORES) / 8 - 1));
        let lanes = _mm512_permutexvar_epi32(load(&CORE_LANES), near);
        let cores = _mm512_multishift_epi64_epi8(load(&CORE.0[odd]), lanes);

        let mids_at = (shift + MIDS) / 8 - 1;
        let lanes =
            _mm512_mask_set1_epi64(_mm512_set1_epi64(lane(window, mids_at)), 0xf0, lane(window, mids_at + 6));
        let mids = _mm512_multishift_epi64_epi8(load(&MID.0[odd]), lanes);

        let (differences, with_mid) = if head.flag {
            (masked(_mm512_maskz_expand_epi16(head.selectors, mids), 0x3800), head.selectors)
        } else {
            let near = _mm512_castsi256_si512(load256(part(window, (shift + RESTS) / 8 - 1)));
            let lanes = _mm512_permutexvar_epi16(load(&REST_LANES), near);
            let rests = _mm512_multishift_epi64_epi8(load(&REST.0[odd]), lanes);
            let rests = masked(_mm512_maskz_expand_epi16(head.selectors, rests), 0x4007);
            let inverted = _mm512_maskz_mov_epi16(signs & head.selectors, _mm512_set1_epi16(0x4000));
            (_mm512_ternarylogic_epi64::<XOR3>(masked(mids, 0x3800), rests, inverted), u32::MAX)
        };
        let inverted = _mm512_maskz_mov_epi16(signs, _mm512_set1_epi16(0x8000u16 as i16));
        let inverted = _mm512_mask_mov_epi16(inverted, signs & with_mid, _mm512_set1_epi16(0xb800u16 as i16));
        let t = _mm512_ternarylogic_epi64::<XOR3>(masked(cores, 0x07f8), differences, inverted);

        let words = prefix_xor(t);
        store(block, if BF16 { widen(words) } else { words });
        position += head.bits;
    }
    (blocks.len(), position)
}

/// Truth table of `a ^ b ^ c`.
const XOR3: i32 = 0x96;

/// Prefix XOR of the 32 words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn prefix_xor(t: __m512i) -> __m512i {
    let t = _mm512_xor_si512(t, _mm512_slli_epi64::<16>(t));
    let t = _mm512_xor_si512(t, _mm512_slli_epi64::<32>(t));
    // Eight words to a lane of 128 bits: its upper half takes the last word of its lower half.
    let t =
        _mm512_xor_si512(t, _mm512_maskz_shuffle_epi8(0xff00_ff00_ff00_ff00, t, _mm512_set1_epi16(0x0706)));
    let one = _mm512_maskz_permutexvar_epi16(!0xff, load(&CARRY[0]), t);
    let t = _mm512_xor_si512(t, one);
    let two = _mm512_maskz_permutexvar_epi16(!0xffff, load(&CARRY[1]), t);
    _mm512_xor_si512(t, two)
}

/// BF16 words of FP16 images. The conversion makes NaNs quiet, and is exact whatever the control register
/// says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn widen(words: __m512i) -> __m512i {
    let low = _mm512_castps_si512(_mm512_cvtph_ps(_mm512_castsi512_si256(words)));
    let high = _mm512_castps_si512(_mm512_cvtph_ps(_mm512_extracti64x4_epi64::<1>(words)));
    _mm512_permutex2var_epi16(low, load(&UPPER), high)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn masked(value: __m512i, mask: i16) -> __m512i {
    _mm512_and_si512(value, _mm512_set1_epi16(mask))
}

/// The bytes of the window from `at` on.
#[inline(always)]
fn part<const N: usize>(window: &[u8; WINDOW], at: usize) -> &[u8; N] {
    window[at..].first_chunk().expect("fields lie inside the window")
}

#[inline(always)]
fn lane(window: &[u8; WINDOW], at: usize) -> i64 {
    i64::from_le_bytes(*part(window, at))
}

/// What fills a register and has no padding.
trait Register {}
impl Register for [u8; 64] {}
impl Register for [u16; 32] {}
impl Register for [i32; 16] {}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(from: &impl Register) -> __m512i {
    // SAFETY: implementors are arrays of 64 bytes.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(from).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load256(from: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut Block, words: __m512i) {
    // SAFETY: a block is 64 bytes.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), words) }
}
