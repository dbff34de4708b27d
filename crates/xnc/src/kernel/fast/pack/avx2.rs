//! AVX2.
#![expect(clippy::needless_range_loop, reason = "iterators are generic code without the loop's instructions")]

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
    let [low, high] =
        [_mm256_movemask_epi8(v[0]).cast_unsigned(), _mm256_movemask_epi8(v[1]).cast_unsigned()];
    u64::from(high) << 32 | u64::from(low)
}

/// As [`mask`], of another bit than the top one, so many below it.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_below<const BITS: i32>(v: [__m256i; 2]) -> u64 {
    mask([_mm256_slli_epi16::<BITS>(v[0]), _mm256_slli_epi16::<BITS>(v[1])])
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(v: [__m256i; 2]) -> [u8; GROUP] {
    let mut bytes = [0; GROUP];
    // SAFETY: twice 32 bytes.
    unsafe {
        _mm256_storeu_si256(bytes.as_mut_ptr().cast(), v[0]);
        _mm256_storeu_si256(bytes.as_mut_ptr().add(32).cast(), v[1]);
    }
    bytes
}

#[target_feature(enable = "avx2")]
pub(super) fn group(split: WordSplit, codes: Codes, bias: &[u8; GROUP], words: &[u16; GROUP]) -> Packed {
    let phase = _mm256_set1_epi16(codes.phase.cast_signed());
    let mut coded = [phase; 4];
    for quarter in 0..4 {
        coded[quarter] = _mm256_add_epi16(load(words, 16 * quarter), phase);
    }
    // Packing two registers puts words where places have them.
    let byte = _mm256_set1_epi16(0x00ff);
    let kept_bits = (1_i8 << split.planes()) - 1;
    let (symbol, four) = (_mm256_set1_epi8(0x7f & !kept_bits), _mm256_set1_epi8(4));
    let [mut lower, mut upper, mut symbols, mut ranks] = [[four; 2]; 4];
    for half in 0..2 {
        let [a, b] = [coded[half], coded[half + 2]];
        lower[half] = _mm256_packus_epi16(_mm256_and_si256(a, byte), _mm256_and_si256(b, byte));
        // SAFETY: 64 biases are two registers.
        let bias = unsafe { _mm256_loadu_si256(bias.as_ptr().add(32 * half).cast()) };
        let both = _mm256_packus_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b));
        upper[half] = _mm256_sub_epi8(both, bias);
        symbols[half] = _mm256_and_si256(upper[half], symbol);
        // The rank, or 4 for none: ranks differ, so that at most one comparison holds.
        for rank in 0..4 {
            let ranked = _mm256_set1_epi8(codes.ranked[rank].cast_signed());
            let is =
                _mm256_and_si256(_mm256_cmpeq_epi8(symbols[half], ranked), _mm256_set1_epi8(4 ^ rank as i8));
            ranks[half] = _mm256_xor_si256(ranks[half], is);
        }
    }
    let rare = mask_below::<5>(ranks);
    let three = _mm256_set1_epi8(3);
    let two = [_mm256_and_si256(ranks[0], three), _mm256_and_si256(ranks[1], three)];
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
    let kept = match split {
        WordSplit::F16 => [mask_below::<7>(upper), mask_below::<6>(upper), mask_below::<5>(upper)],
        WordSplit::Bf16 => [0; 3],
    };
    Packed { ranks: rank_bytes, sign: mask(upper), kept, lower: store(lower), symbols: store(symbols), rare }
}
