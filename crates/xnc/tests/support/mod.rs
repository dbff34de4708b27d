//! Model files made in memory, and the calls that all integration tests share.
#![allow(dead_code)] // each test binary uses its own part

pub mod folders;
mod random;

use std::path::{Path, PathBuf};

use xnc::model::safetensors;
use xnc::{Codec, CompressOptions, CompressReport, Effort, Progress, RestoreOptions, Selection};

pub use random::Random;

/// A tensor to put into a file: name, type, shape, bytes.
pub type Tensor<'a> = (&'a str, &'a str, Vec<u64>, Vec<u8>);

/// A safetensors file.
pub fn safetensors_file(tensors: &[Tensor<'_>]) -> Vec<u8> {
    let metadata = [("format".to_owned(), "pt".to_owned())];
    let infos =
        tensors.iter().map(|(name, dtype, shape, bytes)| (*name, *dtype, &shape[..], bytes.len() as u64));
    let mut file = safetensors::header(&metadata, infos, 8);
    tensors.iter().for_each(|(.., bytes)| file.extend_from_slice(bytes));
    file
}

/// A GGUF v3 file with a few pairs of every kind, an alignment if asked for, and bytes after the last tensor.
pub fn gguf_file(tensors: &[Tensor<'_>], alignment: Option<u32>) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    let mut out = b"GGUF".to_vec();
    out.extend_from_slice(&3u32.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(3 + u64::from(alignment.is_some())).to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend_from_slice(&8u32.to_le_bytes());
    text(&mut out, "llama");
    if let Some(alignment) = alignment {
        text(&mut out, "general.alignment");
        out.extend_from_slice(&4u32.to_le_bytes());
        out.extend_from_slice(&alignment.to_le_bytes());
    }
    text(&mut out, "tokenizer.ggml.tokens");
    out.extend_from_slice(&[9u32.to_le_bytes(), 8u32.to_le_bytes()].concat());
    out.extend_from_slice(&2u64.to_le_bytes());
    text(&mut out, "<s>");
    text(&mut out, "ü");
    text(&mut out, "llama.rope.freq_base");
    out.extend_from_slice(&6u32.to_le_bytes());
    out.extend_from_slice(&10000f32.to_le_bytes());
    let alignment = u64::from(alignment.unwrap_or(32));
    let mut offset = 0u64;
    for (name, dtype, shape, bytes) in tensors {
        text(&mut out, name);
        out.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|axis| out.extend_from_slice(&axis.to_le_bytes()));
        out.extend_from_slice(&xnc::model::gguf::type_id(dtype).expect("a ggml type").to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset = (offset + bytes.len() as u64).next_multiple_of(alignment);
    }
    for (.., bytes) in tensors {
        // Padding that is not zero must come back too.
        out.resize(out.len().next_multiple_of(alignment as usize), 0xa5);
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(b"tail");
    out
}

/// Bytes of words.
pub fn le(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Random {
    /// BF16 words as weights have them; one in `rare` is any word at all, 0 for none.
    pub fn bf16_weights(&mut self, n: usize, rare: u64) -> Vec<u16> {
        (0..n)
            .map(|_| match rare {
                1.. if self.next().is_multiple_of(rare) => self.next() as u16,
                _ => half::bf16::from_f32(0.02 * self.normal()).to_bits(),
            })
            .collect()
    }
}

/// Every 16-bit pattern once, in an order that is far from sorted.
pub fn every_word() -> Vec<u16> {
    (0..=u16::MAX).map(|i| i.wrapping_mul(40_503)).collect()
}

/// Writes a source file into `folder`.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("temporary folder takes files");
    path
}

/// Options with a codec and selection, the rest plain.
pub fn options(codec: Codec, selection: Selection, threads: usize) -> CompressOptions<'static> {
    CompressOptions {
        codec,
        effort: Effort::default(),
        selection,
        threads,
        force: true,
        progress: Progress::silent(),
    }
}

/// Compresses every 16-bit tensor of `source` into `target`.
pub fn compress_all(codec: Codec, source: &Path, target: &Path) -> CompressReport {
    xnc::compress(source, target, &options(codec, Selection::All, 2)).expect("compresses")
}

/// Restores into `target`.
pub fn restore(source: &Path, target: &Path) -> xnc::Result<xnc::RestoreReport> {
    xnc::restore(source, target, &RestoreOptions { threads: 1, force: true, progress: Progress::silent() })
}
