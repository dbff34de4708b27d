//! `cargo xtask fuzz`: every target of `/fuzz` for a while, with libFuzzer where it can be had, as a plain
//! random test elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{root, run, runs, say, timed};

/// Limits of every run. Memory that grows with a field of a hostile file is a finding, so both limits are far
/// above what honest inputs of this length need and far below what a field can ask for.
const LIMITS: &[&str] = &["-rss_limit_mb=512", "-malloc_limit_mb=256", "-timeout=20", "-max_len=2048"];

/// Runs targets, or all where none is named, for `seconds` each. With a seed, as in the tests, a run tries much
/// the same inputs each time, so that a change is not blamed for what luck finds; looking for more is what
/// `cargo xtask fuzz` is for.
pub fn some(seconds: u64, seed: Option<u32>, names: &[String]) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!("no fuzz target {unknown}; there are {}", all.join(", "));
    }
    let chosen: Vec<String> =
        all.into_iter().filter(|name| names.is_empty() || names.contains(name)).collect();
    if let Some(missing) = missing() {
        say(&format!("no {missing}, which libFuzzer needs: the fuzz targets run as plain random tests"));
        let mut tests = Command::new("cargo");
        tests.args(["test", "--package", "xnc-fuzz", "--test", "random", "--", "--exact", "--nocapture"]);
        tests.args(&chosen).current_dir(root());
        return run(tests.env("XNC_FUZZ_SECONDS", seconds.to_string()));
    }
    build()?;
    let cargo_fuzz = cargo_fuzz()?;
    for target in chosen {
        // Inputs need their length from the beginning: a short one is only the beginning of a description.
        let time = format!("-max_total_time={seconds}");
        let mut command = nightly(&cargo_fuzz, "run");
        command.args([&target, "--", &time, "-len_control=0"]).args(LIMITS);
        command.args(seed.map(|seed| format!("-seed={seed}")));
        run(&mut command)?;
    }
    Ok(())
}

/// Builds all targets, where libFuzzer can be had, so that building does not take from the time of the first.
fn build() -> Result<()> {
    if missing().is_some() {
        return Ok(());
    }
    let cargo_fuzz = cargo_fuzz()?;
    timed("the fuzz targets are built", || run(&mut nightly(&cargo_fuzz, "build")))
}

/// What a machine without libFuzzer lacks first.
fn missing() -> Option<&'static str> {
    if !cfg!(all(unix, target_arch = "x86_64")) {
        Some("x86-64 Unix")
    } else if !runs("rustup", &["run", "nightly", "cargo", "--version"]) {
        Some("nightly toolchain")
    } else if !runs("c++", &["--version"]) {
        Some("C++ compiler")
    } else {
        None
    }
}

/// cargo-fuzz in `.tools`, installed on first use.
fn cargo_fuzz() -> Result<PathBuf> {
    let program = root().join(".tools/bin/cargo-fuzz");
    if !program.exists() {
        say("installing cargo-fuzz into .tools");
        run(Command::new("cargo")
            .args(["install", "--locked", "--quiet", "--root", ".tools", "cargo-fuzz"])
            .current_dir(root()))?;
    }
    Ok(program)
}

/// A command of cargo-fuzz under the nightly toolchain; what it builds goes where all else goes.
fn nightly(cargo_fuzz: &Path, what: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).arg(cargo_fuzz).args(["fuzz", what, "--fuzz-dir", "fuzz"]);
    command.args(["--target-dir", "target/fuzz"]).current_dir(root());
    // Set by the cargo that runs this task, and it would be that cargo again.
    command.env_remove("CARGO");
    command
}

/// Names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
