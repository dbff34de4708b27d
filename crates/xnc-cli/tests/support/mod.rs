//! What the tests of the binary share.
#![allow(dead_code, reason = "no test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

pub const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
pub const TENSOR: &str = "embeddings.word_embeddings.weight";

/// The command with the words of a line.
pub fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(cargo_bin!("xnc"));
    command.current_dir(folder).args(line.split_whitespace()).stdin(Stdio::null());
    command
}

/// As [`command`], with at most so many kB of address space where the system can bound it. Threads take
/// much of that, so few run.
pub fn bounded(folder: &Path, line: &str, kb: usize) -> Command {
    if !cfg!(target_os = "linux") {
        return command(folder, line);
    }
    let mut shell = Command::new("sh");
    let script = format!("ulimit -v {kb}; exec \"$0\" {line}");
    shell.arg("-c").arg(script).arg(cargo_bin!("xnc")).current_dir(folder).stdin(Stdio::null());
    shell.env("RAYON_NUM_THREADS", "2");
    shell
}

/// Runs a line; gives exit code, standard output and standard error.
pub fn xnc(folder: &Path, line: &str) -> (i32, String, String) {
    run(&mut command(folder, line))
}

/// Runs a command; gives exit code, standard output and standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Runs a line that succeeds and prints JSON.
pub fn json(folder: &Path, line: &str) -> Value {
    let (code, out, err) = xnc(folder, line);
    assert_eq!(code, 0, "{line}: {err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{line}: {e}: {out}"))
}

/// A folder with the sample in it.
pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().to_owned();
    fs::copy(SAMPLE, path.join("m.safetensors")).expect("copies");
    (folder, path)
}

/// A safetensors file of BF16 tensors, by name and shape, with words of the kind that embeddings have.
pub fn model<'a>(tensors: impl IntoIterator<Item = (&'a str, [usize; 2])>) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(4);
    let mut data: Vec<u8> = Vec::new();
    let mut header = serde_json::Map::new();
    for (name, [rows, dim]) in tensors {
        let begin = data.len();
        for _ in 0..rows * dim {
            let value = (0..6).map(|_| random.f32() - 0.5).sum::<f32>() * 0.03;
            data.extend(((value.to_bits() >> 16) as u16).to_le_bytes());
        }
        let info =
            serde_json::json!({"dtype": "BF16", "shape": [rows, dim], "data_offsets": [begin, data.len()]});
        header.insert(name.to_owned(), info);
    }
    let header = serde_json::to_string(&header).expect("plain data");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("lists").map(|entry| entry.expect("entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
