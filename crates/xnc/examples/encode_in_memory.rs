//! Encodes a table of made-up words under every codec and compares what it takes:
//! `cargo run -p xnc --example encode_in_memory`.

use xnc::{Codec, Dtype, EncodeOptions, Table};

/// A number between -0.5 and 0.5 that looks random: SplitMix64.
fn noise(seed: usize) -> f32 {
    let mut z = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ z >> 31) >> 40) as f32 / (1u32 << 24) as f32 - 0.5
}

fn main() -> xnc::Result<()> {
    let (rows, dim) = (4000, 128);
    // BF16 words between -0.5 and 0.5, small ones more often than large ones.
    let word = |i: usize| ((4.0 * noise(i).powi(3)).to_bits() >> 16) as u16;
    let words: Vec<u16> = (0..rows * dim).map(word).collect();
    println!("{rows} rows of {dim} BF16 words: {} bytes", 2 * words.len());
    for &codec in Codec::ALL {
        let mut options = EncodeOptions::default();
        options.codec = codec;
        let table = Table::encode(Dtype::Bf16, rows, dim, &words, &options)?;
        let bits = 8.0 * table.stored_bytes() as f64 / words.len() as f64;

        // Rows come back one at a time, each to the last bit.
        let mut row = vec![0; dim];
        table.row(1234, &mut row)?;
        assert_eq!(row, words[1234 * dim..][..dim]);
        println!("  {codec:5}: {:7} bytes, {bits:.2} bits a word", table.stored_bytes());
    }
    // The smallest form for the way, the quickest for running: no plain table in between.
    let mut smallest = EncodeOptions::default();
    smallest.codec = Codec::Dense;
    let arrived = Table::encode(Dtype::Bf16, rows, dim, &words, &smallest)?;
    let running = arrived.transcode(&EncodeOptions::default())?;
    println!("{arrived:?} became {running:?}");
    Ok(())
}
