//! The instruction sets that products of 16 rows run on. All give the same bits: sums of integers are exact, and floating point is left
//! to plain loops.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, __m512i};

use half::f16;
#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

/// Rows of a tile.
pub const ROWS: usize = 16;

/// What this processor can do, as far as there is code for it.
#[derive(Clone, Copy)]
pub enum Backend {
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    V4(V4),
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    V3(V3),
    /// Anything else.
    Plain,
}

impl Backend {
    /// The best there is, or what pins the backend of the head.
    pub fn best() -> Backend {
        #[cfg(target_arch = "x86_64")]
        match xnc::kernel::Backend::best().name() {
            "avx512" => {
                if let Some(lanes) = V4::try_new() {
                    return Backend::V4(lanes);
                }
            }
            "avx2" => {
                if let Some(lanes) = V3::try_new() {
                    return Backend::V3(lanes);
                }
            }
            _ => {}
        }
        Backend::Plain
    }
}

/// Unsigned weights of at most 5 bits times signed bytes, for 16 rows.
pub trait Lanes: Copy {
    /// Four weights of each row.
    type Fours: Copy;

    /// The weights of a tile: groups 0 to 3 from the low halves of bytes, 4 to 7 from the high ones.
    fn unpack(self, low: &[[u8; 64]; 4], fifth: Option<&[u8; 64]>) -> [Self::Fours; 8];

    /// Sum of the products of each row.
    fn dot(self, weights: &[Self::Fours; 8], x: &[[i8; 4]; 8]) -> [i32; ROWS];

    /// FP16, finite, to F32.
    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS];
}

/// As `f16::to_f32` for what is finite, in steps that compilers make vector instructions of.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn widen(half: u16) -> f32 {
    /// Exponents of FP16 and F32 count from 15 and 127.
    const REBASE: f32 = f32::from_bits((127 + 112) << 23);
    let half = u32::from(half);
    let magnitude = f32::from_bits((half & 0x7fff) << 13) * REBASE;
    f32::from_bits(magnitude.to_bits() | (half & 0x8000) << 16)
}

/// Loops that any processor runs.
#[derive(Clone, Copy)]
pub struct Plain;

impl Lanes for Plain {
    type Fours = [u8; 64];

    #[inline(always)]
    fn unpack(self, low: &[[u8; 64]; 4], fifth: Option<&[u8; 64]>) -> [[u8; 64]; 8] {
        std::array::from_fn(|group| {
            std::array::from_fn(|at| {
                let byte = low[group % 4][at];
                let half = if group < 4 { byte & 15 } else { byte >> 4 };
                half | fifth.map_or(0, |fifth| (fifth[at] >> group & 1) << 4)
            })
        })
    }

    #[inline(always)]
    fn dot(self, weights: &[[u8; 64]; 8], x: &[[i8; 4]; 8]) -> [i32; ROWS] {
        std::array::from_fn(|row| {
            let groups = weights.iter().zip(x).map(|(weights, x)| {
                let products = (0..4).map(|i| i32::from(weights[4 * row + i]) * i32::from(x[i]));
                products.sum::<i32>()
            });
            groups.sum()
        })
    }

    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS] {
        halves.map(|half| f16::from_bits(half).to_f32())
    }
}

// Loops and small functions below, no closures: only what is always inlined runs with a backend's instructions.

/// Four bytes as one number, to be repeated.
#[inline(always)]
fn four(x: [i8; 4]) -> i32 {
    i32::from_le_bytes(pulp::cast(x))
}

#[cfg(target_arch = "x86_64")]
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
}

/// As with 512 bits, in two halves of 8 rows.
#[cfg(target_arch = "x86_64")]
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
}
