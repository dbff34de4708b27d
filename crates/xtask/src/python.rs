//! A Python environment of the project's own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{root, run, say};

/// Packages that the tests read our files with.
const PACKAGES: &[&str] = &["numpy==2.3.5", "safetensors==0.8.0", "gguf==0.19.0"];

/// The interpreter of an environment in `.tools/python` with everything the tests need, made on first use.
pub fn interpreter() -> Result<PathBuf> {
    let folder = root().join(".tools/python");
    let python = folder.join("bin/python");
    let stamp = folder.join("packages.txt");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    say(&format!("installing {} into .tools/python", PACKAGES.join(", ")));
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(PACKAGES))?;
    std::fs::write(&stamp, wanted).context("cannot write into .tools/python")?;
    Ok(python)
}
