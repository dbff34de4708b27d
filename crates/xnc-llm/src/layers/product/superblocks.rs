//! Superblocks of 256 weights in blocks of 32 (`ggml-common.h`). With `d` and `e` of FP16 a weight is `d * s *
//! q - e * m` in Q4_K, `s` and `m` of 6 bits a block; in Q6_K it is `d * s * (q - 32)`, `s` of 8 bits, signed,
//! half a block.

use super::backend::{Lanes, ROWS};
use super::rounded::Rounded;
use super::{Rounding, Tile, set_halves, word};

/// Q4_K.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Four {
    halves: [[[u8; 4 * ROWS]; 4]; 8],
    factors: [[u8; ROWS]; 8],
    mins: [[u8; ROWS]; 8],
    scales: [u16; ROWS],
    min_scales: [u16; ROWS],
}

impl Tile for Four {
    const EMPTY: Self = Four {
        halves: [[[0; _]; 4]; 8],
        factors: [[0; _]; 8],
        mins: [[0; _]; 8],
        scales: [0; _],
        min_scales: [0; _],
    };
    const BYTES: usize = 144;
    const ROUNDING: Rounding = Rounding::Superblocks;

    fn set(&mut self, row: usize, block: &[u8]) {
        self.scales[row] = u16::from_le_bytes([block[0], block[1]]);
        self.min_scales[row] = u16::from_le_bytes([block[2], block[3]]);
        let (packed, quants) = (&block[4..16], &block[16..]);
        for number in 0..8 {
            // The first four of `s` and of `m` are whole, with what is above the others' low halves over them.
            let (factor, min) = match number {
                0..4 => (packed[number] & 63, packed[number + 4] & 63),
                _ => {
                    let (low, high) = (packed[number + 4], [packed[number - 4], packed[number]]);
                    (low & 15 | high[0] >> 6 << 4, low >> 4 | high[1] >> 6 << 4)
                }
            };
            (self.factors[number][row], self.mins[number][row]) = (factor, min);
            let mut weights = [0; 8];
            for (group, four) in weights.iter_mut().enumerate() {
                *four = word(quants, 32 * (number / 2) + 4 * group) >> (4 * (number % 2)) & 0x0f0f_0f0f;
            }
            set_halves(&mut self.halves[number], row, weights);
        }
    }

    #[inline(always)]
    fn add<L: Lanes, const N: usize>(&self, lanes: L, x: [&[Rounded]; N], out: &mut [[f32; ROWS]; N]) {
        let mut sums = [[0; ROWS]; N];
        let mut mins = [[0; ROWS]; N];
        for block in 0..8 {
            let weights = lanes.unpack(&self.halves[block], None);
            for vector in 0..N {
                let x = &x[vector][block];
                let products = lanes.dot(&weights, &x.fours);
                let sum = x.sum();
                for row in 0..ROWS {
                    sums[vector][row] += products[row] * i32::from(self.factors[block][row]);
                    mins[vector][row] += sum * i32::from(self.mins[block][row]);
                }
            }
        }
        let (scales, min_scales) = (lanes.widen(&self.scales), lanes.widen(&self.min_scales));
        for vector in 0..N {
            let step = x[vector][0].step;
            for row in 0..ROWS {
                out[vector][row] += sums[vector][row] as f32 * (scales[row] * step);
                out[vector][row] -= mins[vector][row] as f32 * (min_scales[row] * step);
            }
        }
    }
}

/// Q6_K.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Six {
    halves: [[[u8; 4 * ROWS]; 4]; 8],
    /// The upper two bits of each group's weights: groups 0 to 3 from the lowest bits on, then groups 4 to 7.
    upper: [[[u8; 4 * ROWS]; 2]; 8],
    factors: [[[i8; ROWS]; 2]; 8],
    scales: [u16; ROWS],
}

impl Tile for Six {
    const EMPTY: Self =
        Six { halves: [[[0; _]; 4]; 8], upper: [[[0; _]; 2]; 8], factors: [[[0; _]; 2]; 8], scales: [0; _] };
    const BYTES: usize = 210;
    const ROUNDING: Rounding = Rounding::Superblocks;

    fn set(&mut self, row: usize, block: &[u8]) {
        let (low, high, factors) = (&block[..128], &block[128..192], &block[192..208]);
        self.scales[row] = u16::from_le_bytes([block[208], block[209]]);
        for number in 0..8 {
            let (side, quarter) = (number / 4, number % 4);
            let mut weights = [0; 8];
            let mut upper = [0; 2];
            for (group, four) in weights.iter_mut().enumerate() {
                let at = 64 * side + 32 * (quarter % 2) + 4 * group;
                *four = word(low, at) >> (4 * (quarter / 2)) & 0x0f0f_0f0f;
                let two = word(high, 32 * side + 4 * group) >> (2 * quarter) & 0x0303_0303;
                upper[group / 4] |= two << (2 * (group % 4));
            }
            set_halves(&mut self.halves[number], row, weights);
            for half in 0..2 {
                self.upper[number][half][4 * row..4 * row + 4].copy_from_slice(&upper[half].to_le_bytes());
                self.factors[number][half][row] = factors[2 * number + half] as i8;
            }
        }
    }

    #[inline(always)]
    fn add<L: Lanes, const N: usize>(&self, lanes: L, x: [&[Rounded]; N], out: &mut [[f32; ROWS]; N]) {
        let mut sums = [[0; ROWS]; N];
        for block in 0..8 {
            let weights = lanes.unpack_six(&self.halves[block], &self.upper[block]);
            for vector in 0..N {
                let x = &x[vector][block];
                let products = lanes.dot_six(&weights, &x.fours);
                for half in 0..2 {
                    let middle = 32 * x.sums[half];
                    for row in 0..ROWS {
                        let factor = i32::from(self.factors[block][half][row]);
                        sums[vector][row] += (products[half][row] - middle) * factor;
                    }
                }
            }
        }
        let scales = lanes.widen(&self.scales);
        for vector in 0..N {
            let step = x[vector][0].step;
            for row in 0..ROWS {
                out[vector][row] += sums[vector][row] as f32 * (scales[row] * step);
            }
        }
    }
}
