//! DFloat11's layout, its bits computed: its decoder runs on CUDA only, so there is no speed to measure here.
//!
//! As package `dfloat11` 0.5.0 stores a BF16 tensor: sign and mantissa of each word in a byte; exponents in a
//! Huffman code of at most 32 bits; for each 8 bytes of codes, 5 bits that say where the first code begins;
//! for each 4096 bytes the number of words before them (4 bytes, and one more at the end); tables of 256 bytes
//! that look the codes up a byte at a time.

use crate::lines::huffman;

/// Bytes of codes per thread and threads per block in the package.
const THREAD_BYTES: u64 = 8;
const BLOCK_THREADS: u64 = 512;

/// Bits that the layout takes for BF16 words.
pub fn bits(words: &[u16]) -> u64 {
    let mut counts = vec![0_u64; 256];
    words.iter().for_each(|word| counts[usize::from(word >> 7 & 0xff)] += 1);
    counts.retain(|n| *n > 0);
    let lengths = huffman::lengths(&counts);
    let codes: u64 = counts.iter().zip(&lengths).map(|(n, length)| n * u64::from(*length)).sum();
    let code_bytes = codes.div_ceil(8);
    let blocks = code_bytes.div_ceil(THREAD_BYTES * BLOCK_THREADS);
    let gaps = (5 * blocks * BLOCK_THREADS).div_ceil(8);
    let positions = 4 * (blocks + 1);
    8 * (words.len() as u64 + code_bytes + gaps + positions + lookup_bytes(&lengths))
}

/// One table of 256 bytes for each prefix of whole bytes that some code goes on after, and one with the lengths.
fn lookup_bytes(lengths: &[u32]) -> u64 {
    let mut prefixes = std::collections::BTreeSet::from([(0, 0)]);
    for (code, length) in canonical(lengths) {
        prefixes.extend((1..length.div_ceil(8)).map(|bytes| (bytes, code >> (length - 8 * bytes))));
    }
    256 * (prefixes.len() as u64 + 1)
}

/// Codes with their lengths, shortest first.
fn canonical(lengths: &[u32]) -> Vec<(u64, u32)> {
    let mut used: Vec<u32> = lengths.to_vec();
    used.sort();
    let mut code = 0_u64;
    let mut before = used.first().copied().unwrap_or(0);
    let assign = used.into_iter().map(|length| {
        code <<= length - before;
        before = length;
        code += 1;
        (code - 1, length)
    });
    assign.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worked_example() {
        // Exponents 127 four times, 126 twice, 125 and 124 once: codes of 1, 2, 3, 3 bits, 4 + 4 + 6 = 14
        // bits, 2 bytes.
        let words: Vec<u16> = [127, 127, 127, 127, 126, 126, 125, 124].map(|e: u16| e << 7 | 5).to_vec();
        // 8 bytes of signs and mantissas, one block of 512 threads (320 bytes of gaps), two positions, two tables.
        assert_eq!(bits(&words), 8 * (8 + 2 + 320 + 8 + 512));
    }

    #[test]
    fn long_codes_need_more_tables() {
        let lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10];
        // Codes of 9 and 10 bits all begin with the byte of ones.
        assert_eq!(lookup_bytes(&lengths), 256 * 3);
    }
}
