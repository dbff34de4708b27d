//! The published crates under the least version of Rust that they claim.

use std::process::Command;

use anyhow::Result;

use super::Left;
use super::metadata::Workspace;
use crate::{root, run, runs, say};

pub fn check(workspace: &Workspace, left: &mut Left) -> Result<()> {
    let version = &workspace.minimum;
    if !runs("rustup", &["--version"]) {
        left.out(format!("Rust {version}: no rustup to install it with"));
        return Ok(());
    }
    if !runs("rustup", &["run", version, "cargo", "--version"]) {
        say(&format!("installing Rust {version} with rustup"));
        let install = ["toolchain", "install", "--profile", "minimal", "--no-self-update", version];
        if !Command::new("rustup").args(install).status()?.success() {
            left.out(format!("Rust {version}: rustup cannot install it here"));
            return Ok(());
        }
    }
    let mut cargo = Command::new("rustup");
    cargo.args(["run", version, "cargo", "check", "--quiet", "--locked"]).args(workspace.selected());
    // Set by the cargo that runs this task, and it would be that one again. Apart, since each version of the
    // compiler would build the other's dependencies anew.
    cargo.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    run(cargo.args(["--target-dir", "target/minimum"]).current_dir(root()))
}
