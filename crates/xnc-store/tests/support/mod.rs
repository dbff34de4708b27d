//! Tables on disk, and the ways in which they are read.
#![allow(dead_code)]

use std::path::PathBuf;

use xnc::{Codec, CompressOptions, Selection};
use xnc_store::StoreOptions;

pub const TABLE: &str = "model.embed_tokens.weight";

/// A table that is under a codec, or plain, in a folder of its own.
pub struct Files {
    pub path: PathBuf,
    pub dim: usize,
    pub words: Vec<u16>,
    folder: tempfile::TempDir,
}

impl Files {
    pub fn new(rows: usize, dim: usize, codec: Option<Codec>, pages: bool) -> Files {
        let folder = tempfile::tempdir().expect("temporary files");
        let words = normal(rows * dim);
        let plain = folder.path().join("model.safetensors");
        std::fs::write(&plain, safetensors(&[(TABLE, rows, &words)], dim)).expect("writes");
        let path = match codec {
            None => plain,
            Some(codec) => {
                let path = folder.path().join("model.xnc.safetensors");
                let mut options = CompressOptions::default();
                (options.codec, options.pages, options.selection) = (codec, pages, Selection::All);
                let report = xnc::compress(&plain, &path, &options).expect("compresses");
                assert!(report.output_bytes.is_some(), "{:?}", report.nothing);
                path
            }
        };
        Files { path, dim, words, folder }
    }

    /// A table in pieces of so many rows, in a folder of two files; the last one is plain.
    pub fn pieces(rows: &[usize], dim: usize) -> Files {
        let folder = tempfile::tempdir().expect("temporary files");
        let words = normal(rows.iter().sum::<usize>() * dim);
        let (mut rest, mut tensors) = (&words[..], Vec::new());
        for (number, &rows) in rows.iter().enumerate() {
            tensors.push((format!("{TABLE}.{number}"), rows, rest.split_off(..rows * dim).expect("as many")));
        }
        let tensors: Vec<(&str, usize, &[u16])> =
            tensors.iter().map(|(name, rows, words)| (&name[..], *rows, *words)).collect();
        let (last, others) = tensors.split_last().expect("as many");
        let plain = folder.path().join("plain.bin");
        std::fs::write(&plain, safetensors(others, dim)).expect("writes");
        let mut options = CompressOptions::default();
        options.selection = Selection::All;
        xnc::compress(&plain, &folder.path().join("a.safetensors"), &options).expect("compresses");
        std::fs::write(folder.path().join("b.safetensors"), safetensors(std::slice::from_ref(last), dim))
            .expect("works");
        let path = folder.path().to_owned();
        Files { path, dim, words, folder }
    }

    pub fn row(&self, row: usize, out: &mut [u16]) {
        out.copy_from_slice(&self.words[row * self.dim..][..self.dim]);
    }

    /// Rows anywhere, some of them more than once.
    pub fn ids(&self, count: usize) -> Vec<usize> {
        let rows = self.words.len() / self.dim;
        let mut state = count as u64 + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        (0..count).map(|_| if next() % 4 == 0 { next() % 8 % rows } else { next() % rows }).collect()
    }
}

/// BF16 words of values that are nearly normal: sums of uniform ones.
fn normal(count: usize) -> Vec<u16> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| (((0..4).map(|_| uniform()).sum::<f32>() * 0.06).to_bits() >> 16) as u16).collect()
}

fn safetensors(tensors: &[(&str, usize, &[u16])], dim: usize) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, rows, words) in tensors {
        let from = data.len();
        data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        entries.push(format!(
            r#""{name}":{{"dtype":"BF16","shape":[{rows},{dim}],"data_offsets":[{from},{}]}}"#,
            data.len()
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

pub fn options(cache_bytes: u64, direct: bool, depth: usize, threads: bool) -> StoreOptions {
    let mut options = StoreOptions::default();
    (options.cache_bytes, options.direct, options.depth, options.threads) =
        (cache_bytes, direct, depth, threads);
    options
}

/// All ways of reading that this system has.
pub fn ways() -> Vec<StoreOptions> {
    let mut ways = Vec::new();
    for cache_bytes in [0, 1 << 20] {
        for (depth, threads) in [(1, false), (7, false), (64, false), (3, true), (100, true)] {
            ways.push(options(cache_bytes, false, depth, threads));
            if cfg!(target_os = "linux") {
                ways.push(options(cache_bytes, true, depth, threads));
            }
        }
    }
    ways
}
