//! The instruction sets that products of 16 rows run on. All give the same bits: sums of integers are exact,
//! and floating point is left to plain loops.

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
    Avx512(V4),
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(V3),
    /// Anything else.
    Plain,
}

impl Backend {
    /// The best there is, or what pins the backend of the head.
    pub fn best() -> Backend {
        #[cfg(target_arch = "x86_64")]
        match &*xnc::Backend::detect().map_or("scalar".into(), |backend| backend.to_string()) {
            "avx512" => {
                if let Some(lanes) = V4::try_new() {
                    return Backend::Avx512(lanes);
                }
            }
            "avx2" => {
                if let Some(lanes) = V3::try_new() {
                    return Backend::Avx2(lanes);
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

    /// The weights of a tile of 6 bits; `upper` has the upper two bits of groups 0 to 3, then of groups 4 to 7.
    fn unpack_six(self, low: &[[u8; 64]; 4], upper: &[[u8; 64]; 2]) -> [Self::Fours; 8];

    /// Sums of the products of groups 0 to 3, and of groups 4 to 7, with weights of at most 6 bits.
    fn dot_six(self, weights: &[Self::Fours; 8], x: &[[i8; 4]; 8]) -> [[i32; ROWS]; 2];

    /// FP16, finite, to F32.
    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS];
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
        let [low, high] = self.dot_six(weights, x);
        std::array::from_fn(|row| low[row] + high[row])
    }

    #[inline(always)]
    fn unpack_six(self, low: &[[u8; 64]; 4], upper: &[[u8; 64]; 2]) -> [[u8; 64]; 8] {
        let mut weights = self.unpack(low, None);
        for (group, weights) in weights.iter_mut().enumerate() {
            for (weight, upper) in weights.iter_mut().zip(upper[group / 4]) {
                *weight |= (upper >> (2 * (group % 4)) & 3) << 4;
            }
        }
        weights
    }

    #[inline(always)]
    fn dot_six(self, weights: &[[u8; 64]; 8], x: &[[i8; 4]; 8]) -> [[i32; ROWS]; 2] {
        let mut sums = [[0; ROWS]; 2];
        for (group, (weights, x)) in weights.iter().zip(x).enumerate() {
            for (sum, weights) in sums[group / 4].iter_mut().zip(weights.as_chunks::<4>().0) {
                *sum += (0..4).map(|i| i32::from(weights[i]) * i32::from(x[i])).sum::<i32>();
            }
        }
        sums
    }

    fn widen(self, halves: &[u16; ROWS]) -> [f32; ROWS] {
        halves.map(|half| f16::from_bits(half).to_f32())
    }
}

/// Four bytes as one number, to be repeated.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn four(x: [i8; 4]) -> i32 {
    i32::from_le_bytes(pulp::cast(x))
}
