//! Model folders to try things on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Random, Tensor, le, options, safetensors_file};
use xnc::{Codec, CompressReport, Progress, RestoreOptions, RestoreReport, Selection};

pub fn bf16(seed: u64, rows: u64, dim: u64) -> (Vec<u64>, Vec<u8>) {
    (vec![rows, dim], le(&Random(seed).bf16_weights((rows * dim) as usize, 1000)))
}

pub fn tensor(name: &'static str, (shape, bytes): (Vec<u64>, Vec<u8>)) -> Tensor<'static> {
    (name, "BF16", shape, bytes)
}

/// Makes a folder of two shards, an index, a text and a configuration.
pub fn small_model(dir: &Path, seed: u64) {
    fs::create_dir_all(dir.join("text")).expect("makes");
    let shards = [("a", "model.embed_tokens.weight"), ("b", "lm_head.weight")];
    let mut map = serde_json::Map::new();
    for (number, (shard, name)) in shards.into_iter().enumerate() {
        let file = safetensors_file(&[tensor(name, bf16(seed + number as u64, 300, 64))]);
        fs::write(dir.join(format!("{shard}.safetensors")), file).expect("writes");
        map.insert(name.into(), format!("{shard}.safetensors").into());
    }
    let index = serde_json::json!({"metadata": {"total_size": 2 * 300 * 64 * 2}, "weight_map": map});
    fs::write(dir.join("model.safetensors.index.json"), index.to_string()).expect("writes");
    fs::write(dir.join("config.json"), r#"{"vocab_size": 300}"#).expect("writes");
    fs::write(dir.join("text/README.md"), format!("model {seed}\n")).expect("writes");
}

/// All files with their bytes.
pub fn snapshot(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("lists") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("below").display().to_string();
                found.insert(name, fs::read(&path).expect("reads"));
            }
        }
    }
    found
}

/// Names of everything in a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let all = dir.read_dir().expect("lists").map(|entry| entry.expect("entry").file_name());
    let mut names: Vec<String> = all.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Compresses with codec `fast`, by role.
pub fn compress(source: &Path, target: &Path, force: bool) -> xnc::Result<CompressReport> {
    let mut options = options(Codec::Fast, Selection::Embeddings, 2);
    options.force = force;
    xnc::compress(source, target, &options)
}

pub fn restore(source: &Path, target: &Path, force: bool) -> xnc::Result<RestoreReport> {
    xnc::restore(source, target, &restore_options(force))
}

pub fn restore_options<'a>(force: bool) -> RestoreOptions<'a> {
    let mut options = RestoreOptions::default();
    (options.threads, options.force) = (2, force);
    options
}

/// Transcodes to codec `xnc`.
pub fn transcode(source: &Path, target: &Path, force: bool) -> xnc::Result<CompressReport> {
    let mut options = options(Codec::Xnc, Selection::Embeddings, 2);
    options.force = force;
    xnc::transcode(source, target, &options)
}

pub fn verify(folder: &Path) -> xnc::Result<xnc::RestoreReport> {
    xnc::verify(folder, None, 2, &Progress::default())
}

/// Compresses, verifies, transcodes and restores `m`, which must come back whole; gives all warnings of
/// compressing.
pub fn there_and_back(root: &Path) -> Vec<String> {
    let [source, packed, other, back] = ["m", "m.xnc", "m.other", "back"].map(|name| root.join(name));
    let report = compress(&source, &packed, false).expect("compresses");
    verify(&packed).expect("verifies");
    transcode(&packed, &other, false).expect("transcodes");
    verify(&other).expect("verifies");
    for packed in [&packed, &other] {
        restore(packed, &back, false).expect("restores");
        assert!(snapshot(&back) == snapshot(&source));
        fs::remove_dir_all(&back).expect("removes");
    }
    report.warnings
}
