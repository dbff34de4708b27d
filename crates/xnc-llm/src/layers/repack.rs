//! Block types for which candle has no vector kernel, written as ones for which it has, without loss.
//!
//! On two AVX2 threads candle 0.11 multiplies Q4_1 and Q5_0 five to six times slower than Q4_0 and Q8_0: README.md.
//!
//! - A Q5_0 weight is `d * (q - 16)` with `q` of 5 bits; `q - 16` is a byte of Q8_0 with the same `d`.
//! - A Q4_1 weight is `d * q + m`, a Q4_0 weight `d * (q - 8)`. The same `d` and `q` leave `m + 8 d` for every weight of a block, so a
//!   product is one of Q4_0 and, a block, `m + 8 d` times the sum of the activations: [`Offsets`].
//!
//! Blocks are those of ggml's `ggml-common.h`: `d` and `m` are FP16; value `i` below 16 is the low half of byte `i`, value `i + 16` the high one.

use half::f16;

use super::lanes::add_scaled;

/// Weights in a block of all the types here.
pub const BLOCK: usize = 32;

/// Blocks of Q5_0 as blocks of Q8_0.
pub fn q5_0_as_q8_0(blocks: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() / 22 * 34);
    for block in blocks.as_chunks::<22>().0 {
        let [scale0, scale1, high @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = block;
        let [low0, low1] = [6, 14].map(|at| u64::from_le_bytes(std::array::from_fn(|i| block[at + i])));
        out.extend([scale0, scale1]);
        let eights = [low0, low1, low0 >> 4, low1 >> 4];
        out.extend(eights.iter().zip(high).flat_map(|(&low, &high)| less_sixteen(low, high).to_le_bytes()));
    }
    out
}

/// Eight bytes `q - 16`, from the low four bits of `q` in the bytes of `low` and the fifth in the bits of `high`.
fn less_sixteen(low: u64, high: u8) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Byte i keeps bit i, then has its highest bit set where that was there.
    let fifth = (u64::from(high) * EACH) & 0x8040_2010_0804_0201;
    let fifth = (((fifth & (0x7f * EACH)) + 0x7f * EACH) | fifth) & (0x80 * EACH);
    // Without the fifth bit `q - 16` is negative: its high half is all ones.
    let negative = (fifth ^ (0x80 * EACH)) >> 3;
    (low & (0x0f * EACH)) | (negative * 0x0f)
}

/// Blocks of Q4_1, `per_row` a row, as blocks of Q4_0 and what they leave out.
pub fn q4_1_as_q4_0(blocks: &[u8], per_row: usize) -> (Vec<u8>, Offsets) {
    let blocks = blocks.as_chunks::<20>().0;
    let rows = blocks.len() / per_row;
    let mut out = Vec::with_capacity(blocks.len() * 18);
    let mut offsets = vec![0.0; blocks.len()];
    for (i, block) in blocks.iter().enumerate() {
        let [d0, d1, m0, m1, quants @ ..] = block;
        out.extend([d0, d1]);
        out.extend(quants);
        let [d, m] = [[*d0, *d1], [*m0, *m1]].map(|two| f16::from_le_bytes(two).to_f32());
        offsets[i % per_row * rows + i / per_row] = m + 8.0 * d;
    }
    (out, Offsets { offsets, rows })
}

/// What every weight of a block has in common, for all blocks of a matrix.
pub struct Offsets {
    /// The first block of each row, then the second.
    offsets: Vec<f32>,
    rows: usize,
}

impl Offsets {
    /// Adds the offsets' share of the products with the vectors in `x` to `out`.
    pub fn add(&self, x: &[f32], out: &mut [f32]) {
        let dim = self.offsets.len() / self.rows * BLOCK;
        for (x, out) in x.chunks_exact(dim).zip(out.chunks_exact_mut(self.rows)) {
            let blocks = x.as_chunks::<BLOCK>().0;
            for (x, offsets) in blocks.iter().zip(self.offsets.chunks_exact(self.rows)) {
                add_scaled(out, rounded_sum(x), offsets);
            }
        }
    }
}

/// Sum of activations as the integer product sees them: rounded to Q8_0, `d` of FP16 times bytes.
fn rounded_sum(x: &[f32; BLOCK]) -> f32 {
    /// Adding and taking it away rounds to a whole number.
    const WHOLE: f32 = 12_582_912.0;
    let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let scale = largest / 127.0;
    let steps = 1.0 / scale;
    let mut sum = [0.0f32; 8];
    for eight in x.as_chunks::<8>().0 {
        for (sum, x) in sum.iter_mut().zip(eight) {
            *sum += (x * steps + WHOLE) - WHOLE;
        }
    }
    f16::from_f32(scale).to_f32() * sum.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;
    use std::borrow::Cow;

    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect()
    }

    /// Blocks with sensible scales and any quants.
    fn blocks(size: usize, scales: usize, count: usize) -> Vec<u8> {
        let mut blocks = bytes(size * count);
        for (i, block) in blocks.chunks_exact_mut(size).enumerate() {
            for scale in 0..scales {
                let value = f16::from_f32(0.01 * (i % 13) as f32 - 0.05 * scale as f32 + 0.01);
                block[2 * scale..2 * scale + 2].copy_from_slice(&value.to_le_bytes());
            }
        }
        blocks
    }

    fn values(dtype: GgmlDType, blocks: &[u8], count: usize) -> Vec<f32> {
        let storage = dtype.from_data(Cow::Borrowed(blocks)).dequantize(count).expect("dequantises");
        let candle_core::CpuStorage::F32(values) = storage else { panic!("F32") };
        values
    }

    #[test]
    fn q5_0_is_q8_0() {
        let source = blocks(22, 1, 40);
        let packed = q5_0_as_q8_0(&source);
        assert_eq!(values(GgmlDType::Q5_0, &source, 1280), values(GgmlDType::Q8_0, &packed, 1280));
    }

    #[test]
    fn q4_1_is_q4_0_and_offsets() {
        let (rows, per_row) = (6, 4);
        let source = blocks(20, 2, rows * per_row);
        let (packed, offsets) = q4_1_as_q4_0(&source, per_row);
        let (whole, part) = (values(GgmlDType::Q4_1, &source, 768), values(GgmlDType::Q4_0, &packed, 768));
        for (i, (whole, part)) in whole.iter().zip(part).enumerate() {
            let (row, block) = (i / (per_row * BLOCK), i / BLOCK % per_row);
            assert!((whole - part - offsets.offsets[block * rows + row]).abs() < 1e-6);
        }
    }

    #[test]
    fn a_product_in_parts_is_the_product() {
        let (rows, per_row) = (8, 4);
        let dim = per_row * BLOCK;
        let source = blocks(20, 2, rows * per_row);
        let x: Vec<f32> = (0..2 * dim).map(|i| ((i * 37 % 101) as f32 - 50.0) / 20.0).collect();
        let product = |dtype: GgmlDType, blocks: &[u8]| {
            let mut out = vec![0.0; 2 * rows];
            dtype
                .from_data(Cow::Borrowed(blocks))
                .matmul_t((2, dim, rows), &x, &mut out)
                .expect("multiplies");
            out
        };
        let whole = product(GgmlDType::Q4_1, &source);
        let (packed, offsets) = q4_1_as_q4_0(&source, per_row);
        let mut parts = product(GgmlDType::Q4_0, &packed);
        offsets.add(&x, &mut parts);
        for (whole, parts) in whole.iter().zip(parts) {
            assert!((whole - parts).abs() < 2e-2, "{whole} {parts}");
        }
    }
}
