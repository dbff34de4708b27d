//! `cargo xtask emulate`: the kernel tests of this tree on processors that few machines have, in an emulator.
//!
//! Kernels are picked at run time, so a machine without AVX-512 tests none of the AVX-512 ones. The tests are
//! linked statically and run on the processor of Bochs, as a Python package has it; `emulate.py` answers
//! their system calls. Some 50 times slower than a machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{python, root, run, say};

/// The emulator. `emulate.py` reaches into this very version.
const PACKAGE: &str = "bochscpu-python==0.4.0";

/// With `vdpbf16ps`, and without.
const PROCESSORS: [&str; 2] = ["sapphire_rapids", "corei7_icelake_u"];

/// Tests that compare backends, and are short enough for an emulator.
const TESTS: &[&str] =
    &["kernel::", "codec::fast::tests::backends_agree_on_any_bytes", "codec::fast::tests::fused"];

/// What `cargo xtask test` takes of it on a machine without AVX-512.
#[cfg(target_arch = "x86_64")]
const SAMPLE: &str = "kernel::operations::tests::backends_agree_on_every_operation";

/// Static programs of the usual kind. Named, so that what runs while building is not made static too.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The emulator is linked against a newer C library than some systems have; these two are all that it wants from there.
const SHIM: &str = "
    #include <stdarg.h>
    #include <stdio.h>
    #include <stdlib.h>
    unsigned long long __isoc23_strtoull(const char *s, char **end, int base) { return strtoull(s, end, base); }
    int __isoc23_sscanf(const char *s, const char *format, ...) {
        va_list values;
        va_start(values, format);
        int read = vsscanf(s, format, values);
        va_end(values);
        return read;
    }
";

/// The emulator's package is for x86-64 Linux with glibc.
const HERE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));

/// Compares the results of every operation in the emulator, where this machine has not got all of AVX-512.
pub fn where_missing() -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    if HERE && !(is_x86_feature_detected!("avx512vbmi2") && is_x86_feature_detected!("avx512bf16")) {
        say("this processor lacks a part of AVX-512: its loops run in an emulator");
        return all(&[SAMPLE.into()]);
    }
    Ok(())
}

/// Runs the tests whose names contain one of `names`, or those of the kernels, on every emulated processor.
pub fn all(names: &[String]) -> Result<()> {
    ensure!(HERE, "the emulator's package is for x86-64 Linux with glibc");
    let (python, shim) = emulator()?;
    let program = tests()?;
    let on = |processor: &str| {
        let mut command = Command::new(&python);
        command.arg(root().join("crates/xtask/src/emulate.py")).args([&shim, Path::new(processor), &program]);
        command.arg("--test-threads=1");
        if names.is_empty() {
            command.args(TESTS)
        } else {
            command.args(names)
        };
        run(&mut command)
    };
    // An emulator has one thread, so all of them run at once.
    std::thread::scope(|scope| {
        let running = PROCESSORS.map(|processor| scope.spawn(move || on(processor)));
        running.into_iter().try_for_each(|thread| thread.join().expect("no panic there"))
    })?;
    say(&format!("passed on {}", PROCESSORS.join(" and ")));
    Ok(())
}

/// The interpreter of an environment that has the emulator, and the library that it needs.
fn emulator() -> Result<(PathBuf, PathBuf)> {
    let python = python::environment("emulate", &[PACKAGE], &[])?;
    let folder = root().join(".tools/emulate");
    let (source, shim) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, SHIM).context("cannot write into .tools/emulate")?;
    run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&shim, &source]))?;
    Ok((python, shim))
}

/// Builds the library's tests as a static program.
fn tests() -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--package",
        "xnc",
        "--lib",
        "--no-run",
        "--message-format=json",
        "--target",
        TARGET,
    ]);
    // A folder apart: other flags would have the usual one built anew each time.
    cargo.args(["--target-dir", "target/emulate"]).current_dir(root()).stderr(Stdio::inherit());
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
    say("building the tests as a static program");
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "the tests do not build: {}", output.status);
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not text")?;
    let program = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    program.context("cargo names no program")
}
