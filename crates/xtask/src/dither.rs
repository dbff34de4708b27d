//! A 16-bit table from a Q8_0 one, for measuring ratios.
//!
//! Q8_0 keeps `q` of every value `q * d`. Undoing that with `(q + u) * d`, `u` uniform in [-0.5, 0.5), puts
//! back the mantissa entropy that the quantiser removed; without it every coder would look about 1 % better
//! than on a real checkpoint.

use half::{bf16, f16};
use rayon::prelude::*;

/// Values in a Q8_0 block.
const BLOCK: usize = 32;
/// Bytes of a Q8_0 block: an FP16 scale, then the values.
const BLOCK_BYTES: usize = 34;
/// Chosen once; every table in `data/` depends on it.
const SEED: u64 = 0x0058_4E43_2025;

/// SplitMix64 of a counter: any machine gives value `n` the same number, in any order.
fn uniform(n: u64) -> f64 {
    let mut z = SEED.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// BF16 words of a Q8_0 tensor, dithered or, for running a model, exactly `q * d` rounded.
pub fn bf16_words(q8_0: &[u8], dithered: bool) -> Vec<u16> {
    let blocks = q8_0.par_chunks_exact(BLOCK_BYTES).enumerate();
    blocks
        .flat_map_iter(|(number, block)| {
            let d = f64::from(f16::from_le_bytes([block[0], block[1]]).to_f32());
            block[2..].iter().enumerate().map(move |(i, &q)| {
                let u = if dithered { uniform((number * BLOCK + i) as u64) } else { 0.0 };
                bf16::from_f32(((f64::from(q as i8) + u) * d) as f32).to_bits()
            })
        })
        .collect()
}

/// The same values cast to FP16.
pub fn to_f16(words: &[u16]) -> Vec<u16> {
    words.par_iter().map(|&word| f16::from_f32(bf16::from_bits(word).to_f32()).to_bits()).collect()
}
