//! A list of what each published crate is made of, as CycloneDX, by the tool of those who define that format.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::build;
use super::metadata::{Workspace, folder, text};
use crate::{alone, root, run, say};

const TOOL: &str = "cargo-cyclonedx";
const VERSION: &str = "0.5.9";

/// Writes `NAME-VERSION.cdx.json` for each published crate.
pub fn write(workspace: &Workspace, out: &Path) -> Result<()> {
    let program = program()?;
    // The tool writes beside each Cargo.toml, so it works on a copy.
    let copy = tempfile::tempdir()?;
    let copied = fs::canonicalize(copy.path())?;
    export(&copied)?;
    let mut cyclonedx = Command::new(program);
    cyclonedx.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--all"]);
    cyclonedx.args(["--target", "x86_64-unknown-linux-gnu", "--no-build-deps"]);
    cyclonedx.env("SOURCE_DATE_EPOCH", build::time()?.to_string()).env_remove("CARGO");
    run(cyclonedx.current_dir(&copied))?;
    for package in workspace.published() {
        let name = text(package, "name");
        let inside = folder(package).strip_prefix(root())?.to_owned();
        let made = copied.join(inside).join(format!("{name}.cdx.json"));
        let list = fs::read_to_string(&made).with_context(|| format!("{TOOL} wrote none for {name}"))?;
        let shown = copied.to_str().context("a temporary folder that is not UTF-8")?;
        let list = list.replace(&format!("{shown}/"), "");
        ensure!(!list.contains(shown), "the list of {name} names a folder of this machine");
        fs::write(out.join(format!("{name}-{}.cdx.json", workspace.version)), list)?;
    }
    Ok(())
}

/// What is committed.
fn export(folder: &Path) -> Result<()> {
    let archive = folder.join("sources.tar");
    let mut git = Command::new("git");
    run(git.args(["archive", "--format", "tar", "--output"]).arg(&archive).arg("HEAD").current_dir(root()))?;
    tar::Archive::new(fs::File::open(&archive)?).unpack(folder)?;
    Ok(fs::remove_file(archive)?)
}

/// The tool in `.tools`, installed on first use.
fn program() -> Result<PathBuf> {
    let _alone = alone(TOOL)?;
    let program = root().join(".tools/bin").join(TOOL);
    if !program.exists() {
        say(&format!("installing {TOOL} into .tools; a minute and a half of two cores"));
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "--locked", "--quiet", "--debug", "--root", ".tools", "--version", VERSION]);
        run(cargo.arg(TOOL).current_dir(root()))?;
    }
    Ok(program)
}
