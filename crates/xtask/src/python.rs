//! Python environments of the project's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{root, run, say};

/// Packages that the tests read our files with.
const PACKAGES: &[&str] = &["numpy==2.3.5", "safetensors==0.8.0", "gguf==0.19.0"];

/// The interpreter of an environment in `.tools/python` with everything the tests need, made on first use.
pub fn interpreter() -> Result<PathBuf> {
    environment("python", PACKAGES, &[])
}

/// Whether `.tools/NAME` has been made.
pub fn is_there(name: &str) -> bool {
    root().join(".tools").join(name).join("packages.txt").exists()
}

/// The interpreter of an environment in `.tools/NAME` with `packages`, and with others `alone`: without what
/// they depend on.
pub fn environment(name: &str, packages: &[&str], alone: &[&str]) -> Result<PathBuf> {
    make(name, packages, alone, None)
}

/// As [`environment`], which also finds what is installed for the interpreter `base`.
pub fn beside(name: &str, base: &Path, packages: &[&str]) -> Result<PathBuf> {
    make(name, packages, &[], Some(base))
}

fn make(name: &str, packages: &[&str], alone: &[&str], base: Option<&Path>) -> Result<PathBuf> {
    let _alone = crate::alone(name)?;
    let folder = root().join(".tools").join(name);
    let python = folder.join("bin/python");
    let stamp = folder.join("packages.txt");
    let wanted = [packages, alone].concat().join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    say(&format!("installing {} into .tools/{name}", wanted.replace('\n', ", ")));
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    if let Some(base) = base {
        std::fs::write(library(&python)?.join("base.pth"), format!("{}\n", library(base)?.display()))?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(install).args(packages))?;
    if !alone.is_empty() {
        run(Command::new(&python).args(install).arg("--no-deps").args(alone))?;
    }
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write into .tools/{name}"))?;
    Ok(python)
}

/// Where an interpreter's packages are.
fn library(python: &Path) -> Result<PathBuf> {
    let place = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let output = Command::new(python).args(["-c", place]).output()?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
