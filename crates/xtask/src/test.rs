//! `cargo xtask test`: every test there is, cheapest first; stops at the first failure.

use std::process::Command;

use anyhow::Result;

use crate::{data, fuzz, python, root, rtl, run, sanitize, say, study};

/// Format, lints, then all tests with the real tables and the Python readers at hand, then the kernels under AddressSanitizer, the
/// hardware against the library, the study on the sample, then half a minute of every fuzz target.
pub fn all() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    data::tables()?;
    let python = python::interpreter()?;
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace"]).current_dir(root());
    run(tests.env("XNC_TEST_PYTHON", python).env("XNC_TEST_DATA", root().join("data")))?;
    sanitize::all()?;
    rtl::check()?;
    study::sample(&[])?;
    fuzz::all(30, Some(1))?;
    say("all tests passed");
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    run(Command::new("cargo").args(args).current_dir(root()))
}
