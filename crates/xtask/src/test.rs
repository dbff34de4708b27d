//! `cargo xtask test`: every test there is, cheapest first; stops at the first failure. Other machines and the fuzz
//! targets are tried beside the rest.

use std::process::Command;

use anyhow::Result;

use crate::beside::Beside;
use crate::profile::Profile;
use crate::toolchain::Toolchain;
use crate::{
    arm, book, c, data, dist, emulate, fuzz, ggml, package, python, root, rtl, run, sanitize, say, study,
    targets, timed, wasm,
};

/// Format, lints, documentation, the site with all links, what a release has to keep, then all tests with the real
/// tables and the Python readers at hand, the Python package, the backend in a prebuilt llama.cpp, then the kernels,
/// where the processor lacks AVX-512, in an emulator, the hardware against the library, the study on the sample, and
/// beside all this [`beside`]. Says how long each took.
pub fn all() -> Result<()> {
    let beside = Beside::start("other machines, AddressSanitizer and the fuzz targets", "beside")?;
    timed("lints and documentation", lints)?;
    timed("the pages and the site", book::all)?;
    timed("the rules of a release", dist::check)?;
    timed("two real models", data::tables)?;
    timed("the tests of the workspace", workspace)?;
    timed("the Python package", || package::test(false))?;
    timed("the backend in llama.cpp", || ggml::all(true))?;
    timed("the kernels in an emulator", emulate::where_missing)?;
    timed("the hardware", rtl::check)?;
    timed("the study on the sample", || study::sample(&[]))?;
    beside.finish()?;
    say("all tests passed");
    Ok(())
}

fn lints() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])?;
    // What a library that only reads, or reads files, is built of.
    for features in ["", "map", "threads"] {
        let library =
            ["clippy", "--quiet", "--package", "xnc", "--no-default-features", "--features", features];
        cargo(&[&library[..], &["--", "-D", "warnings"]].concat())?;
    }
    let mut pages = Command::new("cargo");
    pages.args(["doc", "--workspace", "--no-deps", "--quiet"]).current_dir(root());
    run(pages.env("RUSTDOCFLAGS", "-D warnings"))
}

fn workspace() -> Result<()> {
    let python = python::interpreter()?;
    let mut tests = Command::new("cargo");
    tests.args(["test", "--workspace"]).current_dir(root());
    if cfg!(unix) {
        // The tests of the C interface compile programs against what is installed here, too.
        let prefix = root().join("target/c");
        c::install(&prefix, Profile::Dev)?;
        tests.env("XNC_C_PREFIX", prefix);
    }
    run(tests.env("XNC_TEST_PYTHON", python).env("XNC_TEST_DATA", root().join("data")))
}

/// What the library does on other machines, in short; then what the nightly compiler is for: the kernels under
/// AddressSanitizer, and ten seconds of every fuzz target. One core is enough for most of it.
pub fn beside() -> Result<()> {
    elsewhere()?;
    timed("the kernels under AddressSanitizer", sanitize::all)?;
    timed("the fuzz targets", || fuzz::some(10, Some(1), &[]))
}

/// Left out, and said so, where the compiler for other machines cannot be had.
fn elsewhere() -> Result<()> {
    if let Some(missing) = Toolchain::missing() {
        say(&format!("no {missing}, whose packages the toolchain for other machines is made of:"));
        say(
            "the library is NOT tested on ARM and in WebAssembly, nor checked for Windows, macOS and 32 bits",
        );
        return Ok(());
    }
    targets::all(true)?;
    arm::all(true)?;
    wasm::check()
}

fn cargo(args: &[&str]) -> Result<()> {
    run(Command::new("cargo").args(args).current_dir(root()))
}
