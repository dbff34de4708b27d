//! `cargo xtask dist`: everything that a release consists of, in `target/dist`; with `--check`, what can be seen to
//! be wrong with it in a minute.

mod archive;
mod artefacts;
mod build;
mod contents;
mod deny;
mod metadata;
mod minimum;
mod notices;
mod sbom;
mod semver;
mod versions;
mod workflows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{models, root, say, timed};
use metadata::Workspace;

/// What was left out, for the end of the output, where it is read.
#[derive(Default)]
struct Left(Vec<String>);

impl Left {
    /// Says now and at the end that something was not done.
    fn out(&mut self, what: impl Into<String>) {
        let what = what.into();
        say(&format!("left out: {what}"));
        self.0.push(what);
    }

    fn tell(&self) {
        for what in &self.0 {
            say(&format!("  left out: {what}"));
        }
    }
}

/// The rules that a release has to keep, without building one.
pub fn check() -> Result<()> {
    let mut left = Left::default();
    let workspace = Workspace::read()?;
    let mut faults = metadata::faults(&workspace);
    faults.extend(versions::faults(&workspace)?);
    faults.extend(contents::faults(&workspace)?);
    faults.extend(workflows::faults(&workspace.minimum)?);
    for fault in &faults {
        say(fault);
    }
    ensure!(faults.is_empty(), "{} faults, listed above", faults.len());
    if !workspace.has_address() {
        left.out("`repository` in Cargo.toml: there is no public address yet");
    }
    timed("licences, bans and sources of dependencies", || deny::check(&mut left))?;
    timed("the least version of Rust", || minimum::check(&workspace, &mut left))?;
    let names = workspace.names().join(", ");
    say(&format!("{names} {} can be packaged", workspace.version));
    left.tell();
    Ok(())
}

/// Writes a release into `target/dist`, after [`check`].
pub fn all() -> Result<()> {
    ensure!(artefacts::HERE, "a release is built on x86-64 Linux; elsewhere there is --check");
    let mut git = Command::new("git");
    git.args(["status", "--porcelain", "--untracked-files=no"]).current_dir(root());
    let changed = git.output().context("cannot start git")?.stdout;
    ensure!(changed.is_empty(), "a release is what is committed; `git status` lists changes");
    check()?;
    let mut left = Left::default();
    let workspace = Workspace::read()?;
    semver::check(&workspace, &mut left)?;
    let folder = root().join("target/dist");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    timed("packages for crates.io", || artefacts::crates(&workspace, &folder))?;
    timed("what the packages are made of", || sbom::write(&workspace, &folder))?;
    timed("the C library", || artefacts::library(&workspace, &folder))?;
    timed("the command and the ggml backend", || artefacts::programs(&workspace, &folder))?;
    timed("the Python package", || artefacts::wheels(&workspace, &folder))?;
    let files = sums(&folder)?;
    say(&format!("in {}:", folder.display()));
    for (name, size) in files {
        say(&format!("{size:>12} bytes  {name}"));
    }
    left.tell();
    Ok(())
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it; gives names and sizes, in order.
fn sums(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    let mut lines = String::new();
    for path in sorted(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines += &format!("{}  {name}\n", models::digest(&path)?);
        files.push((name, path.metadata()?.len()));
    }
    fs::write(folder.join("SHA256SUMS"), &lines)?;
    files.push(("SHA256SUMS".into(), lines.len() as u64));
    Ok(files)
}

/// What a folder holds, in an order that no file system decides.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}
