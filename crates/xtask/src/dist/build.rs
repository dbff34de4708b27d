//! How what is released is built: other tasks of this program, with a profile that leaves nothing of this machine in
//! what comes out.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::root;

/// Where it is built: apart, since other flags would have everything else built anew.
pub fn target() -> PathBuf {
    root().join("target/dist-build")
}

/// A task of this program's, such as `c --prefix DIR`, building as releases are built.
pub fn task(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("this program has no path")?);
    command.args(args).current_dir(root());
    released(&mut command)?;
    Ok(command)
}

/// Has what `command` builds built as releases are.
pub fn released(command: &mut Command) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).context("no home folder")?;
    // Messages of panics name source files; they are the same wherever this is built.
    let flags = [(root(), "xnc"), (home, "cargo")]
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).env_remove("RUSTFLAGS");
    command.env("CARGO_TARGET_DIR", target());
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "none").env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo");
    Ok(())
}

/// The time that everything in a release bears: of the commit, or what SOURCE_DATE_EPOCH says.
pub fn time() -> Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => {
            let mut git = Command::new("git");
            git.args(["log", "-1", "--format=%ct"]).current_dir(root());
            String::from_utf8(git.output().context("cannot start git")?.stdout)?
        }
    };
    text.trim().parse().context("neither git nor SOURCE_DATE_EPOCH tells the time of this version")
}
