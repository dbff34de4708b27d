//! Multiplies a compressed output head with a hidden state and picks the likeliest token, as a language model
//! does for each token that it writes: `cargo run -p xnc --example product`.

use xnc::{Dtype, EncodeOptions, OpenOptions, Table};

const TOKENS: usize = 20_000;
const DIM: usize = 256;

/// A number between -0.5 and 0.5 that looks random: SplitMix64.
fn noise(seed: usize) -> f32 {
    let mut z = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ z >> 31) >> 40) as f32 / (1u32 << 24) as f32 - 0.5
}

/// Weights that look like a model's: small, of both signs, most of them near zero.
fn weight(token: usize, column: usize) -> f32 {
    let place = token * DIM + column;
    0.05 * (noise(3 * place) + noise(3 * place + 1) + noise(3 * place + 2))
}

fn main() -> xnc::Result<()> {
    let bf16 = |value: f32| (value.to_bits() >> 16) as u16;
    let words: Vec<u16> = (0..TOKENS * DIM).map(|i| bf16(weight(i / DIM, i % DIM))).collect();
    let head = Table::encode(Dtype::Bf16, TOKENS, DIM, &words, &EncodeOptions::default())?;
    println!(
        "an output head of {TOKENS} x {DIM} words: {} bytes plain, {} here",
        2 * words.len(),
        head.stored_bytes()
    );

    // A hidden state that points where token 1234 does.
    let hidden: Vec<f32> = (0..DIM).map(|column| weight(1234, column)).collect();
    let mut logits = vec![0.0; TOKENS];
    head.product(&hidden, 0, &mut logits)?;
    let best = (0..TOKENS).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0);
    println!("the likeliest token is {best}, with a logit of {}", logits[best]);

    // The same table plain gives the same numbers, bit for bit.
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let plain = Table::from_bytes(Dtype::Bf16, TOKENS, DIM, bytes, &OpenOptions::default())?;
    let mut expected = vec![0.0; TOKENS];
    plain.product(&hidden, 0, &mut expected)?;
    println!("all {TOKENS} logits are those of the plain table: {}", logits == expected);
    Ok(())
}
