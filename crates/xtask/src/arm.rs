//! `cargo xtask arm`: the library's tests on ARM processors, in an emulator.
//!
//! The workspace must build for ARM without a warning, and the library's tests must pass there: kernels are
//! picked by the machine, so no test on another machine runs those for ARM.

use std::process::Command;

use anyhow::Result;
use serde_json::json;

use crate::toolchain::Toolchain;
use crate::{run, say, timed};

pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// One with every extension that the emulator knows, and one of the first, which has none that a kernel asks for.
const PROCESSORS: &[&str] = &["max", "cortex-a57"];

/// Enough to see every kernel against the portable one and every codec against its golden files.
const SAMPLE: &[&str] = &["--lib", "--test", "compat", "--", "kernel::", "codec::", "golden_files"];

/// All but the examples in the documentation, which another compiler would have to build.
const ALL: &[&str] = &["--lib", "--tests"];

/// Everything, some twenty minutes of an emulator; or, in `short`, a sample of the tests.
pub fn all(short: bool) -> Result<()> {
    let toolchain = Toolchain::get()?;
    timed("the workspace is checked for ARM", || {
        run(cargo(&toolchain, PROCESSORS[0]).args([
            "check",
            "--workspace",
            "--all-targets",
            "--target",
            TARGET,
        ]))
    })?;
    let tests = ["test", "--package", "xnc", "--target", TARGET];
    timed("the library's tests are built for ARM", || {
        let which = if short { &SAMPLE[..3] } else { ALL };
        run(cargo(&toolchain, PROCESSORS[0]).args(tests).arg("--no-run").args(which))
    })?;
    for processor in PROCESSORS {
        timed(&format!("the library's tests run on an emulated ARM processor, {processor}"), || {
            run(cargo(&toolchain, processor).args(tests).args(if short { SAMPLE } else { ALL }))
        })?;
    }
    let which = if short { "a sample of the tests" } else { "all tests" };
    say(&format!("ARM: {which} passed on {}", PROCESSORS.join(" and ")));
    Ok(())
}

/// Cargo with compilers, linker and an emulated processor for ARM; a warning is an error.
pub fn cargo(toolchain: &Toolchain, processor: &str) -> Command {
    let mut cargo = toolchain.cargo();
    let clang = toolchain.arm_clang();
    cargo.env("CC_aarch64_unknown_linux_gnu", &clang).env("AR_aarch64_unknown_linux_gnu", "ar");
    cargo.env("CXX_aarch64_unknown_linux_gnu", &clang);
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", &clang);
    cargo.env("RUSTFLAGS", "-Dwarnings");
    let runner = json!(toolchain.arm_emulator(processor));
    cargo.args(["--config", &format!("target.{TARGET}.runner={runner}")]);
    // Tests that start themselves anew go through it, too.
    cargo.env("XNC_TEST_RUNNER", toolchain.arm_emulator(processor).join("\n"));
    cargo
}
