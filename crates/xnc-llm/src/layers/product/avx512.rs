//! 512 bits: a register is a group of a tile.
//!
//! Loops and small functions, no closures: only what is always inlined runs with these instructions.

use std::arch::x86_64::__m512i;

use pulp::x86::V4;

use super::backend::{Lanes, ROWS, four};

impl Lanes for V4 {
    type Fours = __m512i;

    #[inline(always)]
    fn unpack(self, low: &[[u8; 64]; 4], fifth: Option<&[u8; 64]>) -> [__m512i; 8] {
        let (f, bw) = (self.avx512f, self.avx512bw);
        let half = f._mm512_set1_epi8(15);
        let mut weights = [half; 8];
        for group in 0..4 {
            let bytes = pulp::cast(low[group]);
            weights[group] = f._mm512_and_si512(bytes, half);
            weights[group + 4] = f._mm512_and_si512(bw._mm512_srli_epi16::<4>(bytes), half);
        }
        if let Some(fifth) = fifth {
            let (bits, fifth) = (pulp::cast(*fifth), f._mm512_set1_epi8(16));
            for group in 0..4 {
                let up = self.sse2._mm_cvtsi32_si128(4 - group as i32);
                let down = self.sse2._mm_cvtsi32_si128(group as i32);
                let low = f._mm512_and_si512(bw._mm512_sll_epi16(bits, up), fifth);
                let high = f._mm512_and_si512(bw._mm512_srl_epi16(bits, down), fifth);
                weights[group] = f._mm512_or_si512(weights[group], low);
                weights[group + 4] = f._mm512_or_si512(weights[group + 4], high);
            }
        }
        weights
    }

    #[inline(always)]
    fn dot(self, weights: &[__m512i; 8], x: &[[i8; 4]; 8]) -> [i32; ROWS] {
        let (f, bw) = (self.avx512f, self.avx512bw);
        // Two products of a weight and a byte are below 2^13, so four such sums fit 16 bits.
        let mut pairs = [f._mm512_set1_epi16(0); 2];
        for group in 0..4 {
            for half in 0..2 {
                let group = group + 4 * half;
                let x = f._mm512_set1_epi32(four(x[group]));
                pairs[half] = bw._mm512_add_epi16(pairs[half], bw._mm512_maddubs_epi16(weights[group], x));
            }
        }
        let one = f._mm512_set1_epi16(1);
        let [first, second] = pairs;
        let sums = f._mm512_add_epi32(bw._mm512_madd_epi16(first, one), bw._mm512_madd_epi16(second, one));
        pulp::cast(sums)
    }

    #[inline(always)]
    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS] {
        pulp::cast(self.avx512f._mm512_cvtph_ps(pulp::cast(*halves)))
    }

    #[inline(always)]
    fn unpack_six(self, low: &[[u8; 64]; 4], upper: &[[u8; 64]; 2]) -> [__m512i; 8] {
        let (f, bw) = (self.avx512f, self.avx512bw);
        let two = f._mm512_set1_epi8(0x30);
        let mut weights = self.unpack(low, None);
        for half in 0..2 {
            let upper = pulp::cast(upper[half]);
            let bits = [
                bw._mm512_slli_epi16::<4>(upper),
                bw._mm512_slli_epi16::<2>(upper),
                upper,
                bw._mm512_srli_epi16::<2>(upper),
            ];
            for group in 0..4 {
                let at = 4 * half + group;
                weights[at] = f._mm512_or_si512(weights[at], f._mm512_and_si512(bits[group], two));
            }
        }
        weights
    }

    #[inline(always)]
    fn dot_six(self, weights: &[__m512i; 8], x: &[[i8; 4]; 8]) -> [[i32; ROWS]; 2] {
        let (f, bw) = (self.avx512f, self.avx512bw);
        let one = f._mm512_set1_epi16(1);
        let mut sums = [f._mm512_set1_epi32(0); 2];
        for half in 0..2 {
            for two in 0..2 {
                // Only two sums of two products are below 2^15.
                let at = 4 * half + 2 * two;
                let first = bw._mm512_maddubs_epi16(weights[at], f._mm512_set1_epi32(four(x[at])));
                let second = bw._mm512_maddubs_epi16(weights[at + 1], f._mm512_set1_epi32(four(x[at + 1])));
                let both = bw._mm512_madd_epi16(bw._mm512_add_epi16(first, second), one);
                sums[half] = f._mm512_add_epi32(sums[half], both);
            }
        }
        pulp::cast(sums)
    }
}
