//! A table compressed while the host uploads it.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, available_parallelism};
use std::time::Duration;

use xnc::{EncodeOptions, Table};

use crate::abi::Words;
use crate::memory::Release;

/// What is left beside a table in memory that is short.
const SPARE: usize = 16 << 20;
/// What the encoder has read is let go so often: it reads some 20 MB in that time.
const OFTEN: Duration = Duration::from_millis(4);

/// Encodes words that lie in memory, which is let go as it is read where it is a mapped file: the encoder reads
/// them twice.
pub fn encode(words: Words, bytes: &[u8]) -> Result<Table, String> {
    // The encoder takes room for plain words and uses less. Where even room is short, this says so; the
    // encoder would end the process.
    let mut room = Vec::<u8>::new();
    room.try_reserve_exact(words.bytes().saturating_add(SPARE)).map_err(|e| e.to_string())?;
    drop(room);
    // SAFETY: any two bytes are a word.
    let (before, aligned, after) = unsafe { bytes.align_to::<u16>() };
    if cfg!(target_endian = "little") && before.is_empty() && after.is_empty() {
        return letting_go(Release::of(bytes), || encode_words(words, aligned));
    }
    let copy: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word)).collect();
    encode_words(words, &copy)
}

fn encode_words(words: Words, values: &[u16]) -> Result<Table, String> {
    let mut options = EncodeOptions::default();
    options.threads = available_parallelism().map_or(1, usize::from);
    Table::encode(words.dtype, words.rows, words.dim, values, &options).map_err(|e| e.to_string())
}

/// Does `work` while what it reads is let go again and again by a thread that does nothing else.
fn letting_go<T>(release: Option<Release>, work: impl FnOnce() -> T) -> T {
    let Some(release) = release else { return work() };
    // The host has mapped all of it; the encoder brings again what it reads.
    release.now();
    let result = thread::scope(|scope| {
        let (working, ended) = mpsc::channel::<()>();
        let watch = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(OFTEN) {
                release.now();
            }
        };
        // Without a thread for it, memory is let go at the end.
        thread::Builder::new().name("xnc release".into()).spawn_scoped(scope, watch).ok();
        let result = work();
        drop(working);
        result
    });
    release.now();
    result
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
