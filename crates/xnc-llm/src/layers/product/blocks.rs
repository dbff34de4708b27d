//! Blocks of 32 weights (`ggml-common.h`). With `d` and `m` of FP16 a weight is `d * (q - 8)` in Q4_0, `d * q
//! + m` in Q4_1, `d * (q - 16)` in Q5_0, `d * q + m` in Q5_1, `d * q` in Q8_0. Weight `k` below 16 is the low
//! half of byte `k`, weight `k + 16` the high one; the fifth bit of weight `k` is bit `k` of 32.

use super::backend::{Lanes, ROWS};
use super::rounded::Rounded;
use super::{Rounding, Tile, set_halves, word};

/// Weights of 4 and 5 bits: `OFFSETS` is 1 where they have an `m`, `FIFTH` where they have a fifth bit.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Small<const OFFSETS: usize, const FIFTH: usize> {
    /// Bytes `4 j..4 j + 4` of each row's block in part `j`.
    halves: [[u8; 4 * ROWS]; 4],
    /// Four bytes a row: bit `g` of byte `b` is the fifth of weight `4 g + b`.
    fifth: [[u8; 4 * ROWS]; FIFTH],
    scales: [u16; ROWS],
    offsets: [[u16; ROWS]; OFFSETS],
}

impl<const OFFSETS: usize, const FIFTH: usize> Tile for Small<OFFSETS, FIFTH> {
    const EMPTY: Self =
        Small { halves: [[0; _]; 4], fifth: [[0; _]; FIFTH], scales: [0; _], offsets: [[0; _]; OFFSETS] };
    const BYTES: usize = 2 + 2 * OFFSETS + 4 * FIFTH + 16;
    const ROUNDING: Rounding = Rounding::Blocks;

    fn set(&mut self, row: usize, block: &[u8]) {
        let two = |at: usize| u16::from_le_bytes([block[at], block[at + 1]]);
        self.scales[row] = two(0);
        self.offsets.iter_mut().for_each(|offsets| offsets[row] = two(2));
        let quants = &block[2 + 2 * OFFSETS..];
        for fifth in &mut self.fifth {
            fifth[4 * row..4 * row + 4].copy_from_slice(&transposed(word(quants, 0)).to_le_bytes());
        }
        for (part, four) in self.halves.iter_mut().zip(quants[4 * FIFTH..].as_chunks::<4>().0) {
            part[4 * row..4 * row + 4].copy_from_slice(four);
        }
    }

    #[inline(always)]
    fn add<L: Lanes, const N: usize>(&self, lanes: L, x: [&[Rounded]; N], out: &mut [[f32; ROWS]; N]) {
        let fifth = if FIFTH == 0 { None } else { Some(&self.fifth[0]) };
        let weights = lanes.unpack(&self.halves, fifth);
        let scales = lanes.widen(&self.scales);
        let offsets = lanes.widen(if OFFSETS == 0 { &self.scales } else { &self.offsets[0] });
        for vector in 0..N {
            let (x, out) = (&x[vector][0], &mut out[vector]);
            let sums = lanes.dot(&weights, &x.fours);
            let middle = if OFFSETS == 0 { (8 << FIFTH) * x.sum() } else { 0 };
            for row in 0..ROWS {
                out[row] += (sums[row] - middle) as f32 * (scales[row] * x.step);
            }
            if OFFSETS == 1 {
                for row in 0..ROWS {
                    out[row] += offsets[row] * x.total;
                }
            }
        }
    }
}

/// Bit `4 g + b` becomes bit `8 b + g`.
fn transposed(bits: u32) -> u32 {
    (0..4).fold(0, |out, b| {
        let mut every = (bits >> b) & 0x1111_1111;
        every = (every | (every >> 3)) & 0x0303_0303;
        every = (every | (every >> 6)) & 0x000f_000f;
        every = (every | (every >> 12)) & 0xff;
        out | (every << (8 * b))
    })
}

/// Weights of 8 bits, 128 added, in two halves: 16-bit sums would not hold the products of whole ones.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Bytes {
    low: [[u8; 4 * ROWS]; 4],
    high: [[u8; 4 * ROWS]; 4],
    scales: [u16; ROWS],
}

impl Tile for Bytes {
    const EMPTY: Self = Bytes { low: [[0; _]; 4], high: [[0; _]; 4], scales: [0; _] };
    const BYTES: usize = 34;
    const ROUNDING: Rounding = Rounding::Blocks;

    fn set(&mut self, row: usize, block: &[u8]) {
        self.scales[row] = u16::from_le_bytes([block[0], block[1]]);
        let mut weights = [0; 8];
        for (group, weights) in weights.iter_mut().enumerate() {
            *weights = word(block, 2 + 4 * group) ^ 0x8080_8080;
        }
        set_halves(&mut self.low, row, weights.map(|four| four & 0x0f0f_0f0f));
        set_halves(&mut self.high, row, weights.map(|four| four >> 4 & 0x0f0f_0f0f));
    }

    #[inline(always)]
    fn add<L: Lanes, const N: usize>(&self, lanes: L, x: [&[Rounded]; N], out: &mut [[f32; ROWS]; N]) {
        let (low, high) = (lanes.unpack(&self.low, None), lanes.unpack(&self.high, None));
        let scales = lanes.widen(&self.scales);
        for vector in 0..N {
            let (x, out) = (&x[vector][0], &mut out[vector]);
            let (low, high) = (lanes.dot(&low, &x.fours), lanes.dot(&high, &x.fours));
            let middle = 128 * x.sum();
            for row in 0..ROWS {
                out[row] += (16 * high[row] + low[row] - middle) as f32 * (scales[row] * x.step);
            }
        }
    }
}
