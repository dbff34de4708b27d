//! `cargo xtask wasm`: the library as WebAssembly, run in Node, against what it gives on this machine.
//!
//! `web/` has the module and the script. The questions are put to the golden files of every codec; their
//! answers here come from the very code that the module is made of.

#[path = "../../../web/src/answers.rs"]
mod answers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::toolchain::Toolchain;
use crate::{root, run, runs, say, timed};
use answers::Model;

const TARGET: &str = "wasm32-unknown-unknown";

/// Exponents are few, so that a product overflows nowhere and every term counts.
const EXPONENTS: i32 = 5;

/// Builds the module and runs its test.
pub fn all() -> Result<()> {
    ensure!(node(), "the module is run in Node, which is not there");
    let web = root().join("web");
    run(Command::new("cargo").args(["fmt", "--check"]).current_dir(&web))?;
    let toolchain = Toolchain::get()?;
    let module = timed("the WebAssembly module is built", || build(&toolchain))?;
    let answers = timed("golden files are read here", expected)?;
    timed("golden files are read in Node", || {
        run(Command::new("node").arg(web.join("test.mjs")).args([&module, &answers]))
    })?;
    say(&format!(
        "WebAssembly: every answer is the same; the module has {} bytes",
        fs::metadata(&module)?.len()
    ));
    Ok(())
}

/// As [`all`]. Left out, and said so, where there is no Node.
pub fn check() -> Result<()> {
    if node() {
        return all();
    }
    say("no Node: the library is NOT tested in WebAssembly");
    Ok(())
}

fn node() -> bool {
    runs("node", &["--version"])
}

fn build(toolchain: &Toolchain) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo_with_library("build", TARGET);
    cargo.args(["--release", "--manifest-path", "web/Cargo.toml"]);
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", toolchain.wasm_linker());
    // Every browser has had these vectors since 2023.
    cargo.env("RUSTFLAGS", "-Ctarget-feature=+simd128");
    run(&mut cargo)?;
    Ok(root().join("target/targets").join(TARGET).join("release/xnc_web.wasm"))
}

/// Puts the questions of `web/test.mjs` to the library here; gives the file with its answers.
fn expected() -> Result<PathBuf> {
    let mut files = Map::new();
    let folder = root().join("spec/vectors");
    for path in model_files(&folder)? {
        let answers = answers_on(&path).with_context(|| format!("{}", path.display()))?;
        files.insert(path.display().to_string(), answers);
    }
    let refused = folder.join("refused");
    for path in if refused.exists() { model_files(&refused)? } else { Vec::new() } {
        let Err(error) = Model::new(fs::read(&path)?).and_then(|model| model.restored()) else {
            bail!("{} is not refused", path.display());
        };
        files.insert(path.display().to_string(), json!({ "refused": error.to_string() }));
    }
    let answers = root().join("target/targets/answers.json");
    fs::write(&answers, Value::from(files).to_string())?;
    Ok(answers)
}

/// The model files in a folder, in order.
fn model_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let is_text = path.extension().is_some_and(|extension| extension == "md");
        files.extend((path.is_file() && !is_text).then_some(path));
    }
    ensure!(!files.is_empty(), "{} has no files", folder.display());
    files.sort();
    Ok(files)
}

fn answers_on(path: &Path) -> Result<Value> {
    let model = Model::new(fs::read(path)?)?;
    let described = model.tables()?;
    let mut tables = Vec::new();
    for table in described.as_array().into_iter().flatten() {
        let name = table["name"].as_str().context("a table without a name")?;
        let open = model.table(name)?;
        let every: Vec<usize> = (0..open.rows()).collect();
        let words = answers::rows(&open, &every)?.into_iter().flat_map(u16::to_le_bytes);
        let x: Vec<f32> = (0..open.dim()).map(activation).collect();
        let product = answers::product(&open, &x)?;
        let Err(past) = answers::rows(&open, &[open.rows()]) else { bail!("{name} has a row past its end") };
        tables.push(json!({
            "name": name,
            "shape": table["shape"],
            "words": sha256(&words.collect::<Vec<u8>>()),
            "past_the_end": past.to_string(),
            "x": x,
            "product": sha256(&product.into_iter().flat_map(bits).collect::<Vec<u8>>()),
            "analysis": answers::analysis(&open)?,
        }));
    }
    ensure!(!tables.is_empty(), "no tables");
    Ok(json!({ "restored": sha256(&model.restored()?), "described": described, "tables": tables }))
}

/// A vector of both signs and several exponents, with all bits of the mantissa in use.
fn activation(at: usize) -> f32 {
    let mantissa = 1.0 + (at as f32 * 0.618_034).fract();
    let sign = if at.is_multiple_of(3) { -1.0 } else { 1.0 };
    sign * mantissa * 2f32.powi(at as i32 % EXPONENTS)
}

/// The bits of a product; which NaN an infinite row gives is open.
fn bits(value: f32) -> [u8; 4] {
    let value = if value.is_nan() { f32::NAN } else { value };
    value.to_le_bytes()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
