//! `cargo xtask arm`: the library's tests on an ARM processor, in an emulator.
//!
//! The workspace must build for ARM without a warning, and the library's tests must pass there: kernels are
//! picked by the machine, so no test on another machine runs those for ARM.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::toolchain::Toolchain;
use crate::{run, say, timed};

pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Enough to see every kernel against the portable one and every codec against its golden files.
const SAMPLE: &[&str] = &["--lib", "--test", "compat", "--", "kernel::", "codec::", "golden_files"];

/// All but the examples in the documentation, which another compiler would have to build.
const ALL: &[&str] = &["--lib", "--tests"];

/// Everything, some ten minutes of an emulator; or, in `short`, a sample of the tests.
pub fn all(short: bool) -> Result<()> {
    let toolchain = Toolchain::get()?;
    timed("the workspace is checked for ARM", || {
        run(cargo(&toolchain).args(["check", "--workspace", "--all-targets", "--target", TARGET]))
    })?;
    let tests = ["test", "--package", "xnc", "--target", TARGET];
    timed("the library's tests are built for ARM", || {
        run(cargo(&toolchain).args(tests).arg("--no-run").args(if short { &SAMPLE[..3] } else { ALL }))
    })?;
    timed("the library's tests run on an emulated ARM processor", || {
        run(cargo(&toolchain).args(tests).args(if short { SAMPLE } else { ALL }))
    })?;
    say(&format!("ARM: {} passed", if short { "a sample of the tests" } else { "all tests" }));
    Ok(())
}

/// Cargo with compilers, linker and emulator for ARM; a warning is an error.
pub fn cargo(toolchain: &Toolchain) -> Command {
    let mut cargo = toolchain.cargo();
    let clang = toolchain.arm_clang();
    cargo.env("CC_aarch64_unknown_linux_gnu", &clang).env("AR_aarch64_unknown_linux_gnu", "ar");
    cargo.env("CXX_aarch64_unknown_linux_gnu", &clang);
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", &clang);
    cargo.env("RUSTFLAGS", "-Dwarnings");
    let runner = json!(toolchain.arm_emulator());
    cargo.args(["--config", &format!("target.{TARGET}.runner={runner}")]);
    // Tests that start themselves anew go through it, too.
    cargo.env("XNC_TEST_RUNNER", toolchain.arm_emulator().join("\n"));
    cargo
}
