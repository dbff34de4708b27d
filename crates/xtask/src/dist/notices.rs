//! Licences of what is linked into a program, which most of them want to be handed on with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{metadata::text, sorted};
use crate::root;

/// The text of a file that goes with what is built from `package`.
pub fn of(package: &str) -> Result<String> {
    let folders = folders()?;
    let mut out =
        format!("Packages of others that are linked into what {package} builds, and their licences.\n");
    for (name, licence) in linked(package)? {
        let Some(folder) = folders.get(&name) else {
            continue;
        };
        out += &format!("\n{}\n{name}: {licence}\n", "=".repeat(80));
        for path in licences(folder)? {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Some are in encodings of their own; names of people are all that could suffer.
            out += &format!("\n--- {file}\n\n{}\n", String::from_utf8_lossy(&fs::read(&path)?).trim_end());
        }
    }
    Ok(out)
}

/// `NAME vVERSION` and the licence of all that is linked in, in order.
fn linked(package: &str) -> Result<BTreeMap<String, String>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro"]);
    cargo.args(["--prefix", "none", "--format", "{p}|{l}"]).current_dir(root());
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout)?;
    let pairs = lines.lines().filter_map(|line| line.split_once('|'));
    // Behind the version may stand where a package lies, and that it was listed before.
    let name = |shown: &str| shown.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(pairs.map(|(shown, licence)| (name(shown), licence.trim_end_matches(" (*)").to_owned())).collect())
}

/// Where the sources of each package of others lie.
fn folders() -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root());
    let all: Value = serde_json::from_slice(&cargo.output().context("cannot start cargo")?.stdout)?;
    let others = all["packages"].as_array().context("cargo metadata lists no packages")?.iter();
    let others = others.filter(|package| !package["source"].is_null());
    Ok(others
        .map(|package| {
            let name = format!("{} v{}", text(package, "name"), text(package, "version"));
            (name, super::metadata::folder(package))
        })
        .collect())
}

fn licences(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = sorted(folder)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        path.is_file()
            && ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"]
                .iter()
                .any(|word| name.starts_with(word))
    });
    Ok(paths)
}
