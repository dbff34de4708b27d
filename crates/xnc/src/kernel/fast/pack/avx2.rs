//! AVX2 with BMI2.

use std::arch::x86_64::*;

use super::{Packed, Tops};
use crate::kernel::fast::row::{GROUP, WordSplit};

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u16; GROUP], at: usize) -> __m256i {
    let part: &[u16; 16] = words[at..at + 16].try_into().expect("sixteen words");
    // SAFETY: sixteen words are 32 bytes.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

/// Bytes by place to bytes by plane bit: an 8 by 8 transposition.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(v: [__m256i; 2]) -> [__m256i; 2] {
    let pair = _mm256_setr_epi8(
        0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15, 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14,
        7, 15,
    );
    let pairs = v.map(|v| _mm256_shuffle_epi8(v, pair));
    let fours = pairs.map(|v| {
        let (a, b) = (_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        [_mm_unpacklo_epi16(a, b), _mm_unpackhi_epi16(a, b)]
    });
    let eights = |half: usize| {
        let (a, b) = (fours[0][half], fours[1][half]);
        _mm256_set_m128i(_mm_unpackhi_epi32(a, b), _mm_unpacklo_epi32(a, b))
    };
    [eights(0), eights(1)]
}

/// Bit `BIT` of every byte.
#[inline]
#[target_feature(enable = "avx2")]
fn mask<const UP: i32>(v: [__m256i; 2]) -> u64 {
    let [low, high] = v.map(|v| _mm256_movemask_epi8(_mm256_slli_epi16::<UP>(v)).cast_unsigned());
    u64::from(high) << 32 | u64::from(low)
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) fn group(split: WordSplit, tops: &Tops, bias: &[u16; GROUP], words: &[u16; GROUP]) -> Packed {
    let coded: [__m256i; 4] =
        std::array::from_fn(|i| _mm256_sub_epi16(load(words, 16 * i), load(bias, 16 * i)));
    let byte = _mm256_set1_epi16(0x00ff);
    let low = |w: __m256i| _mm256_and_si256(w, byte);
    let lower = [
        _mm256_packus_epi16(low(coded[0]), low(coded[2])),
        _mm256_packus_epi16(low(coded[1]), low(coded[3])),
    ];
    let high = |w: __m256i| _mm256_srli_epi16::<8>(w);
    let upper = [
        _mm256_packus_epi16(high(coded[0]), high(coded[2])),
        _mm256_packus_epi16(high(coded[1]), high(coded[3])),
    ];
    let kept_bits = (1_i8 << split.planes()) - 1;
    let symbol_bits = _mm256_set1_epi8(0x7f & !kept_bits);
    // Flags of a word, one a bit: its code's, strange, and the sign on top.
    let flags = upper.map(|upper| {
        let symbol = _mm256_and_si256(upper, symbol_bits);
        let is = |rank: usize| _mm256_cmpeq_epi8(symbol, _mm256_set1_epi8(tops[rank].cast_signed()));
        let flag = |mask: __m256i, bits: u8| _mm256_and_si256(mask, _mm256_set1_epi8(bits.cast_signed()));
        let mut flags = _mm256_andnot_si256(is(0), _mm256_set1_epi8(0x20));
        // 0x20: no code so far; taking it back and giving the code's bits in one step.
        for (rank, bits) in [(1, 0x01), (2, 0x03), (3, 0x07), (4, 0x0f), (5, 0x17), (6, 0x1f)] {
            flags = _mm256_xor_si256(flags, flag(is(rank), bits | 0x20));
        }
        _mm256_or_si256(flags, flag(upper, 0x80))
    });
    let flags = transpose(flags);
    let masks = [
        mask::<7>(flags),
        mask::<6>(flags),
        mask::<5>(flags),
        mask::<4>(flags),
        mask::<3>(flags),
        mask::<2>(flags),
        mask::<0>(flags),
    ];
    let kept = if split == WordSplit::F16 {
        let upper = transpose(upper);
        [mask::<7>(upper), mask::<6>(upper), mask::<5>(upper)]
    } else {
        [0; 3]
    };
    let mut bytes = [0; GROUP];
    for (part, value) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(lower) {
        // SAFETY: 32 bytes.
        unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), value) };
    }
    Packed::new(bytes, kept, masks, |bits, mask| _pext_u64(bits, mask))
}
