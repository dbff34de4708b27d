//! `cargo xtask sanitize`: the tests of kernels, of codec `fast` and of the row store's reads under
//! AddressSanitizer, where a nightly toolchain is at hand.
//!
//! Kernels read past a row up to a promised distance, and one is in assembly; their loads through intrinsics
//! are checked, those of the assembly are not. Nor is what the system writes to buffers of reads.

use std::process::Command;

use anyhow::Result;

use crate::{root, run, runs, say};

/// Named, so that what runs while building is not instrumented too.
const TARGET: &str = "x86_64-unknown-linux-gnu";

pub fn all() -> Result<()> {
    let here = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    if !here || !runs("rustup", &["run", "nightly", "cargo", "--version"]) {
        say("no nightly toolchain on x86-64 Linux: the kernels are not run under AddressSanitizer");
        return Ok(());
    }
    let mut tests = Command::new("rustup");
    tests.args(["run", "nightly", "cargo", "test", "--package", "xnc", "--package", "xnc-store", "--lib"]);
    tests.args(["--target", TARGET, "--target-dir", "target/sanitize"]).current_dir(root());
    tests.args(["--", "kernel::", "codec::fast::", "reads::"]);
    // Set by the cargo that runs this task, and it would be that cargo again.
    run(tests.env_remove("CARGO").env("RUSTFLAGS", "-Zsanitizer=address"))
}
