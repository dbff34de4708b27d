//! The library as assembly: what the compilers make of it for a release, but for optimising across crates.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::assembly::{Assembly, Family};
use crate::toolchain::Toolchain;
use crate::{arm, root, run};

const X86: &str = "x86_64-unknown-linux-gnu";

/// The assembly, and which compiler wrote it.
pub struct Compiled {
    pub assembly: Assembly,
    pub compiler: String,
}

/// For x86-64, by the compiler that builds everything here.
pub fn x86() -> Result<Compiled> {
    compile(Family::X86, X86, || {
        let mut cargo = Command::new("cargo");
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo
    })
}

/// For ARM, by Debian's.
pub fn arm(toolchain: &Toolchain) -> Result<Compiled> {
    compile(Family::Arm, arm::TARGET, || arm::cargo(toolchain, "max"))
}

fn compile(family: Family, target: &str, cargo: impl Fn() -> Command) -> Result<Compiled> {
    let folder = root().join("target/mca");
    let cargo = |command: &str| {
        let mut cargo = cargo();
        cargo.current_dir(root()).env("CARGO_TARGET_DIR", &folder);
        // Across crates there is only a program to optimise; lines would be as long as the code again.
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_DEBUG", "none");
        cargo.args([command, "--package", "xnc", "--release", "--target", target]);
        cargo
    };
    let path = folder.join(format!("xnc.{target}.s"));
    if !path.exists() {
        // Cargo knows nothing of the file, and would find all done.
        run(&mut cargo("clean"))?;
    }
    let emit = format!("--emit=asm={}", path.display());
    // Names that have their constants in them.
    run(cargo("rustc").args(["--lib", "--", &emit, "-Csymbol-mangling-version=v0"]))?;
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // The compiler ends its output with its name.
    let named = text.lines().rev().find_map(|line| line.trim().strip_prefix(".ident"));
    let compiler = named.context("the assembly does not say which compiler wrote it")?;
    let compiler = compiler.trim().trim_matches('"').to_owned();
    Ok(Compiled { assembly: Assembly::parse(family, &text), compiler })
}
