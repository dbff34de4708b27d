//! `cargo xtask study`: builds what the study in `bench/` needs, and runs it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::models::{self, MINILM};
use crate::{data, python, root, run};

/// Peers that are Python packages. `zipnn` asks for torch, which its codec of bytes does not use, so it comes
/// without what it asks for.
const PEERS: &[&str] =
    &["numpy==2.3.5", "blosc2==4.14.1", "lmzip[zstd]==1.3.0", "openzl==0.3.0", "z4ai[maxratio]==0.2.0"];
const PEERS_ALONE: &[&str] = &["zipnn==0.5.4"];

/// A table that comes with the repository.
const SAMPLE: &str = "samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors";

/// Measures `sections`, all when none is named, on the tables of `cargo xtask data`, and writes `docs/`.
pub fn full(sections: &[String]) -> Result<()> {
    run(on_data()?.args(sections))
}

/// Runs everything reduced, on the sample and with the peers that are Rust, into `target/study`: so that the
/// code cannot rot.
pub fn sample(sections: &[String]) -> Result<()> {
    let out = root().join(SAMPLED);
    if sections.is_empty() && out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    run(on_sample()?.args(sections))
}

/// Measures five figures of the results again, chosen at random or by an earlier check's `seed`; fails when a size
/// differs or a speed is worse than half.
pub fn check(sample: bool, seed: Option<u64>) -> Result<()> {
    let mut study = if sample { on_sample()? } else { on_data()? };
    study.arg("--check");
    if let Some(seed) = seed {
        study.arg("--seed").arg(seed.to_string());
    }
    run(&mut study)
}

fn on_data() -> Result<Command> {
    data::tables()?;
    models::fetch(&MINILM)?;
    let python = python::environment("study", PEERS, PEERS_ALONE)?;
    let mut study = study(&root().join("docs"), &["--release"])?;
    study.arg("--data").arg(root().join("data")).arg("--python").arg(python);
    Ok(study)
}

/// As the tests are built, so that nothing is built twice.
fn on_sample() -> Result<Command> {
    study(&root().join(SAMPLED), &[])
}

/// Where a reduced run goes.
const SAMPLED: &str = "target/study";

/// The command, built with `profile`, without its tables.
fn study(out: &Path, profile: &[&str]) -> Result<Command> {
    let build = ["build", "--package", "xnc-cli", "--package", "xnc-bench"];
    // Named, so that the programs are where they are looked for.
    let folder = ["--target-dir", "target"];
    run(Command::new("cargo").args(build).args(folder).args(profile).current_dir(root()))?;
    let programs = root().join(if profile.is_empty() { "target/debug" } else { "target/release" });
    let mut study = Command::new(programs.join("xnc-bench"));
    study.current_dir(root()).arg("study").arg("--xnc").arg(programs.join("xnc"));
    study.arg("--sample").arg(root().join(SAMPLE)).arg("--out").arg(out);
    Ok(study)
}
