//! What is in the package of each crate, without making it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::metadata::{Workspace, folder, text};
use crate::root;

/// What no package of ours is above, unpacked. The largest, the library, has 1.5 MB of sources; a golden file or a
/// table that slipped in would pass it soon.
const LARGEST: u64 = 2 << 20;

/// The licences, which stand in each crate's folder as links to these.
pub const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// What is wrong, a line each.
pub fn faults(workspace: &Workspace) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for package in workspace.published() {
        let (name, folder) = (text(package, "name"), folder(package));
        let mut cargo = Command::new("cargo");
        // Work that is not committed yet is checked, too.
        cargo.args(["package", "--list", "--allow-dirty", "--offline", "-p", name]).current_dir(root());
        let output = cargo.output().context("cannot start cargo")?;
        ensure!(output.status.success(), "cargo package: {}", String::from_utf8_lossy(&output.stderr));
        let listed = String::from_utf8(output.stdout)?;
        for wanted in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "Cargo.toml"] {
            if !listed.lines().any(|line| line == wanted) {
                faults.push(format!("{name}: its package has no {wanted}"));
            }
        }
        for licence in LICENCES {
            // A system without links leaves a text with the link's target.
            if fs::read(folder.join(licence)).ok() != fs::read(root().join(licence)).ok() {
                faults.push(format!("{name}: its {licence} is not the repository's"));
            }
        }
        let sizes = listed.lines().map(|line| folder.join(line).metadata().map_or(0, |data| data.len()));
        let size: u64 = sizes.sum();
        if size > LARGEST {
            faults.push(format!("{name}: its package holds {size} bytes, more than {LARGEST}"));
        }
    }
    Ok(faults)
}
