//! A table compressed while the host uploads it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use xnc::Table;
use xnc::internals::encode_from;

use crate::abi::Words;
use crate::memory::Release;

/// So many bytes of the source are resident at a time, about.
const RESIDENT: usize = 16 << 20;

/// Encodes words that lie in memory, which is let go as it is read where it is a mapped file: the encoder reads
/// them twice.
pub fn encode(words: Words, bytes: &[u8]) -> Result<Table, String> {
    // The encoder takes room for plain words and uses less. Where even room is short, this says so; the
    // encoder would end the process.
    let mut room = Vec::<u8>::new();
    room.try_reserve_exact(words.bytes().saturating_add(RESIDENT)).map_err(|e| e.to_string())?;
    drop(room);
    let release = Release::of(bytes);
    let done = AtomicUsize::new(0);
    let read = |first: usize, out: &mut [u16]| {
        let part = &bytes[2 * first..2 * (first + out.len())];
        out.iter_mut().zip(part.as_chunks::<2>().0).for_each(|(out, word)| *out = u16::from_le_bytes(*word));
        if let Some(release) = release {
            let before = done.fetch_add(part.len(), Ordering::Relaxed);
            if before / RESIDENT != (before + part.len()) / RESIDENT {
                release.now();
            }
        }
        Ok(())
    };
    let threads = available_parallelism().map_or(1, usize::from);
    let table = encode_from(words.dtype, [words.rows, words.dim], &read, threads);
    if let Some(release) = release {
        release.now();
    }
    table.map_err(|e| e.to_string())
}

/// The line that says what was saved.
pub fn saved(name: &str, words: Words, table: &Table) -> String {
    let (plain, held) = (words.bytes() as f64, table.stored_bytes() as f64);
    format!(
        "{name}: {} x {} {} words in {:.1} MB instead of {:.1} MB, {:.1} MB saved",
        words.rows,
        words.dim,
        words.dtype,
        held / 1e6,
        plain / 1e6,
        (plain - held) / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use xnc::Dtype;

    #[test]
    fn words_come_back() {
        let words = Words { dtype: Dtype::Bf16, rows: 300, dim: 96 };
        let values: Vec<u16> =
            (0..300 * 96).map(|i| 0x3c00 | (i as u16).wrapping_mul(2057) & 0x83ff).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|word| word.to_le_bytes()).collect();
        let table = encode(words, &bytes).expect("a table");
        let mut out = vec![0; values.len()];
        table.read(0, &mut out).expect("all words");
        assert!(out == values);
        assert!(saved("t", words, &table).starts_with("t: 300 x 96 BF16 words in "));
    }
}
