//! Whether the public face of the libraries may change as it did, against the last release.

use std::process::Command;

use anyhow::{Context, Result};

use super::Left;
use super::metadata::Workspace;
use crate::{root, run, say};

/// The tool, which is not installed before there is a release to compare with.
const TOOL: &str = "cargo-semver-checks";
/// Whose face is a promise; the command's library and pages of tables are for this repository.
const PROMISED: [&str; 2] = ["xnc", "xnc-store"];

pub fn check(workspace: &Workspace, left: &mut Left) -> Result<()> {
    let Some(tag) = last_tag(&workspace.version)? else {
        left.out(format!("{TOOL}: no release is tagged that this one could be compared with"));
        return Ok(());
    };
    let program = root().join(".tools/bin").join(TOOL);
    if !program.exists() {
        say(&format!("installing {TOOL} into .tools"));
        let install = ["install", "--locked", "--quiet", "--root", ".tools", TOOL];
        run(Command::new("cargo").args(install).current_dir(root()))?;
    }
    let mut check = Command::new(program);
    check.args(["semver-checks", "--baseline-rev", &tag]).current_dir(root());
    run(check.args(PROMISED.iter().flat_map(|name| ["--package", name])))
}

/// The highest tag of a version below this one.
fn last_tag(version: &str) -> Result<Option<String>> {
    let mut git = Command::new("git");
    git.args(["tag", "--list", "v[0-9]*", "--sort=-version:refname"]).current_dir(root());
    let tags = String::from_utf8(git.output().context("cannot start git")?.stdout)?;
    Ok(tags.lines().find(|tag| tag[1..] != *version).map(str::to_owned))
}
