//! `cargo xtask ggml`: the ggml backend, and what CI tests of it: a prebuilt llama.cpp of npm's, with it and without.

pub mod llama;
mod measure;
mod node;
mod server;
mod variants;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::profile::Profile;
use crate::{data, root, run, runs, say, timed};
use node::Node;

/// What is run: the models whose table is BF16, and one whose table is F16.
const MODELS: [&str; 3] = ["SmolLM2-135M.bf16.gguf", "SmolLM2-135M.f16.gguf", "Gemma-3-270M.bf16.gguf"];
/// What the backend says when it has taken a table.
const TAKEN: &str = "xnc: token_embd.weight: ";

/// Builds the backend; its path is the last line that is printed. Tests are of a build as all tests are built, so
/// that little is built twice.
pub fn all(test: bool) -> Result<()> {
    let profile = if test { Profile::Dev } else { Profile::Release };
    let backend = build(profile)?;
    if test {
        check(&backend)?;
    }
    println!("{}", backend.display());
    Ok(())
}

/// Builds a package and gives the folder that the result is in.
fn package(profile: Profile, name: &str) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--package", name]).args(profile.flag()).current_dir(root());
    run(&mut cargo)?;
    Ok(target().join(profile.folder()))
}

/// Builds the backend and gives its path.
pub fn build(profile: Profile) -> Result<PathBuf> {
    let folder = package(profile, "xnc-ggml")?;
    let named = folder.join("libggml-xnc.so");
    // A program may have the old file mapped: a new one takes its name.
    let unfinished = folder.join("libggml-xnc.so.unfinished");
    fs::copy(folder.join("libxnc_ggml.so"), &unfinished).context("cargo built no libxnc_ggml.so")?;
    fs::rename(&unfinished, &named)?;
    Ok(named)
}

/// Builds the command and gives its path: beside the backend, where it looks for it.
fn command(profile: Profile) -> Result<PathBuf> {
    Ok(package(profile, "xnc-cli")?.join("xnc"))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Runs it in a prebuilt llama.cpp. Left out, and said so, where Node or npm is missing.
fn check(backend: &Path) -> Result<()> {
    let on_linux = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    if !on_linux || !runs("node", &["--version"]) || !runs("npm", &["--version"]) {
        say(
            "no Node and npm on 64-bit Linux, or not with glibc: the ggml backend is NOT tested in llama.cpp",
        );
        return Ok(());
    }
    data::tables()?;
    let node = Node::get()?;
    for model in MODELS {
        timed(&format!("{model} with the backend gives the same text"), || same(&node, backend, model))?;
    }
    timed("xnc run and its refusals", || from_compressed(&node, backend))
}

/// The same texts with the backend and without.
fn same(node: &Node, backend: &Path, model: &str) -> Result<()> {
    let model = root().join("data").join(model);
    let plain = node.greedy(&model, None)?.texts()?;
    let ours = node.greedy(&model, Some(backend))?;
    ensure!(ours.said.contains(TAKEN), "the backend took no table: {}", ours.said);
    ensure!(ours.texts()? == plain, "texts differ:\n{plain}\n{}", ours.texts()?);
    Ok(())
}

/// From a compressed file: the same texts, and nothing plain of the tables; a damaged file and a program without the
/// backend are errors.
fn from_compressed(node: &Node, backend: &Path) -> Result<()> {
    let xnc = command(Profile::Dev)?;
    let model = root().join("data").join(MODELS[0]);
    let folder = tempfile::tempdir()?;
    let plain = node.greedy(&model, None)?.texts()?;
    for codec in ["fast", "dense"] {
        let file = folder.path().join(format!("{codec}.xnc.gguf"));
        let compress = ["compress", "--codec", codec, "--effort", "1", "-o"];
        let compress = if codec == "dense" { &compress[..] } else { &["compress", "-o"][..] };
        run(Command::new(&xnc).args(compress).arg(&file).arg(&model).stdout(Stdio::null()))?;
        let ours = node.greedy_run(&xnc, &file)?;
        ensure!(ours.said.contains(TAKEN), "the backend took no table: {}", ours.said);
        ensure!(ours.texts()? == plain, "texts differ:\n{plain}\n{}", ours.texts()?);
        // The file in memory that the host maps has holes for the tables; filled with zeros, it would take as much as
        // the plain model.
        let (standin, compressed) = (ours.file_bytes()?, fs::metadata(&file)?.len());
        ensure!(
            standin < compressed,
            "what stands in takes {standin} bytes, the compressed file {compressed}"
        );
    }
    let file = folder.path().join("fast.xnc.gguf");
    let refused = node.greedy(&file, Some(backend))?;
    ensure!(refused.texts().is_err(), "a compressed file was taken for a model");
    let mut bytes = fs::read(&file)?;
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 0x55;
    }
    let damaged = folder.path().join("damaged.xnc.gguf");
    fs::write(&damaged, bytes)?;
    let found = node.greedy_run(&xnc, &damaged)?;
    ensure!(
        found.texts().is_err() || found.texts()? == plain,
        "a damaged file gave other texts: {}",
        found.said
    );
    Ok(())
}
