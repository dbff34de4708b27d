//! AVX2.

use std::arch::x86_64::*;

use super::{Codes, Packed};
use crate::kernel::fast::row::{GROUP, RANKS, WordSplit};

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u16; GROUP], at: usize) -> __m256i {
    let part: &[u16; 16] = words[at..at + 16].try_into().expect("sixteen words");
    // SAFETY: sixteen words are 32 bytes.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

/// The top bit of every byte, place after place.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(v: [__m256i; 2]) -> u64 {
    let [low, high] = v.map(|v| _mm256_movemask_epi8(v).cast_unsigned());
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(v: [__m256i; 2]) -> [u8; GROUP] {
    let mut bytes = [0; GROUP];
    for (part, value) in bytes.as_chunks_mut::<32>().0.iter_mut().zip(v) {
        // SAFETY: 32 bytes.
        unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), value) };
    }
    bytes
}

#[target_feature(enable = "avx2")]
pub(super) fn group(split: WordSplit, codes: Codes, bias: &[u8; GROUP], words: &[u16; GROUP]) -> Packed {
    let phase = _mm256_set1_epi16(codes.phase.cast_signed());
    let coded: [__m256i; 4] = std::array::from_fn(|i| _mm256_add_epi16(load(words, 16 * i), phase));
    // Packing two registers puts words where places have them.
    let byte = _mm256_set1_epi16(0x00ff);
    let lower = [0, 1]
        .map(|i| _mm256_packus_epi16(_mm256_and_si256(coded[i], byte), _mm256_and_si256(coded[i + 2], byte)));
    let upper = [0, 1].map(|i| {
        // SAFETY: 64 biases are two registers.
        let bias = unsafe { _mm256_loadu_si256(bias.as_ptr().add(32 * i).cast()) };
        let upper =
            _mm256_packus_epi16(_mm256_srli_epi16::<8>(coded[i]), _mm256_srli_epi16::<8>(coded[i + 2]));
        _mm256_sub_epi8(upper, bias)
    });
    let kept_bits = (1_i8 << split.planes()) - 1;
    let symbols = upper.map(|upper| _mm256_and_si256(upper, _mm256_set1_epi8(0x7f & !kept_bits)));
    // The rank, or 4 for none: ranks differ, so that at most one comparison holds.
    let ranks = symbols.map(|symbols| {
        let mut rank = _mm256_set1_epi8(4);
        for (i, ranked) in codes.ranked.iter().enumerate() {
            let is = _mm256_cmpeq_epi8(symbols, _mm256_set1_epi8(ranked.cast_signed()));
            rank = _mm256_xor_si256(rank, _mm256_and_si256(is, _mm256_set1_epi8(4 ^ i as i8)));
        }
        rank
    });
    let rare = mask(ranks.map(|rank| _mm256_slli_epi16::<5>(rank)));
    let two = ranks.map(|rank| _mm256_and_si256(rank, _mm256_set1_epi8(3)));
    let quarters = [
        _mm256_castsi256_si128(two[0]),
        _mm256_extracti128_si256::<1>(two[0]),
        _mm256_castsi256_si128(two[1]),
        _mm256_extracti128_si256::<1>(two[1]),
    ];
    // The shifts of `rank_bit`.
    let low = _mm_or_si128(quarters[0], _mm_slli_epi16::<4>(quarters[1]));
    let high = _mm_or_si128(_mm_slli_epi16::<2>(quarters[2]), _mm_slli_epi16::<6>(quarters[3]));
    let mut rank_bytes = [0; RANKS];
    // SAFETY: sixteen bytes.
    unsafe { _mm_storeu_si128(rank_bytes.as_mut_ptr().cast(), _mm_or_si128(low, high)) };
    let kept = if split == WordSplit::F16 {
        [
            mask(upper.map(|upper| _mm256_slli_epi16::<7>(upper))),
            mask(upper.map(|upper| _mm256_slli_epi16::<6>(upper))),
            mask(upper.map(|upper| _mm256_slli_epi16::<5>(upper))),
        ]
    } else {
        [0; 3]
    };
    Packed { ranks: rank_bytes, sign: mask(upper), kept, lower: store(lower), symbols: store(symbols), rare }
}
