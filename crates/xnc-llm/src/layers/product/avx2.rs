//! 256 bits: two registers are a group of a tile, 8 rows each. Written as [`super::avx512`] is.

use std::arch::x86_64::__m256i;

use pulp::x86::V3;

use super::backend::{Lanes, ROWS, four};

impl Lanes for V3 {
    type Fours = [__m256i; 2];

    #[inline(always)]
    fn unpack(self, low: &[[u8; 64]; 4], fifth: Option<&[u8; 64]>) -> [[__m256i; 2]; 8] {
        let (avx, avx2) = (self.avx, self.avx2);
        let half = avx._mm256_set1_epi8(15);
        let mut weights = [[half; 2]; 8];
        for group in 0..4 {
            let bytes: [__m256i; 2] = pulp::cast(low[group]);
            for side in 0..2 {
                weights[group][side] = avx2._mm256_and_si256(bytes[side], half);
                let high = avx2._mm256_srli_epi16::<4>(bytes[side]);
                weights[group + 4][side] = avx2._mm256_and_si256(high, half);
            }
        }
        if let Some(fifth) = fifth {
            let (bits, fifth): ([__m256i; 2], _) = (pulp::cast(*fifth), avx._mm256_set1_epi8(16));
            for group in 0..4 {
                let up = self.sse2._mm_cvtsi32_si128(4 - group as i32);
                let down = self.sse2._mm_cvtsi32_si128(group as i32);
                for side in 0..2 {
                    let low = avx2._mm256_and_si256(avx2._mm256_sll_epi16(bits[side], up), fifth);
                    let high = avx2._mm256_and_si256(avx2._mm256_srl_epi16(bits[side], down), fifth);
                    weights[group][side] = avx2._mm256_or_si256(weights[group][side], low);
                    weights[group + 4][side] = avx2._mm256_or_si256(weights[group + 4][side], high);
                }
            }
        }
        weights
    }

    #[inline(always)]
    fn dot(self, weights: &[[__m256i; 2]; 8], x: &[[i8; 4]; 8]) -> [i32; ROWS] {
        let (avx, avx2) = (self.avx, self.avx2);
        let mut pairs = [[avx._mm256_set1_epi16(0); 2]; 2];
        for group in 0..4 {
            for half in 0..2 {
                let group = group + 4 * half;
                let x = avx._mm256_set1_epi32(four(x[group]));
                for side in 0..2 {
                    let products = avx2._mm256_maddubs_epi16(weights[group][side], x);
                    pairs[half][side] = avx2._mm256_add_epi16(pairs[half][side], products);
                }
            }
        }
        let one = avx._mm256_set1_epi16(1);
        let mut sums = [one; 2];
        for side in 0..2 {
            let [first, second] = [pairs[0][side], pairs[1][side]];
            sums[side] = avx2
                ._mm256_add_epi32(avx2._mm256_madd_epi16(first, one), avx2._mm256_madd_epi16(second, one));
        }
        pulp::cast(sums)
    }

    #[inline(always)]
    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS] {
        let mut values = [0.0; ROWS];
        for row in 0..ROWS {
            values[row] = widen(halves[row]);
        }
        values
    }

    #[inline(always)]
    fn unpack_six(self, low: &[[u8; 64]; 4], upper: &[[u8; 64]; 2]) -> [[__m256i; 2]; 8] {
        let (avx, avx2) = (self.avx, self.avx2);
        let two = avx._mm256_set1_epi8(0x30);
        let mut weights = self.unpack(low, None);
        for half in 0..2 {
            let upper: [__m256i; 2] = pulp::cast(upper[half]);
            for side in 0..2 {
                let bits = [
                    avx2._mm256_slli_epi16::<4>(upper[side]),
                    avx2._mm256_slli_epi16::<2>(upper[side]),
                    upper[side],
                    avx2._mm256_srli_epi16::<2>(upper[side]),
                ];
                for group in 0..4 {
                    let weights = &mut weights[4 * half + group][side];
                    *weights = avx2._mm256_or_si256(*weights, avx2._mm256_and_si256(bits[group], two));
                }
            }
        }
        weights
    }

    #[inline(always)]
    fn dot_six(self, weights: &[[__m256i; 2]; 8], x: &[[i8; 4]; 8]) -> [[i32; ROWS]; 2] {
        let (avx, avx2) = (self.avx, self.avx2);
        let one = avx._mm256_set1_epi16(1);
        let mut sums = [[avx._mm256_set1_epi32(0); 2]; 2];
        for half in 0..2 {
            for two in 0..2 {
                let at = 4 * half + 2 * two;
                let [a, b] = [avx._mm256_set1_epi32(four(x[at])), avx._mm256_set1_epi32(four(x[at + 1]))];
                for side in 0..2 {
                    let first = avx2._mm256_maddubs_epi16(weights[at][side], a);
                    let second = avx2._mm256_maddubs_epi16(weights[at + 1][side], b);
                    let both = avx2._mm256_madd_epi16(avx2._mm256_add_epi16(first, second), one);
                    sums[half][side] = avx2._mm256_add_epi32(sums[half][side], both);
                }
            }
        }
        pulp::cast(sums)
    }
}

/// As `f16::to_f32` for what is finite, in steps that compilers make vector instructions of.
#[inline(always)]
fn widen(half: u16) -> f32 {
    /// Exponents of FP16 and F32 count from 15 and 127.
    const REBASE: f32 = f32::from_bits((127 + 112) << 23);
    let half = u32::from(half);
    let magnitude = f32::from_bits((half & 0x7fff) << 13) * REBASE;
    f32::from_bits(magnitude.to_bits() | (half & 0x8000) << 16)
}
