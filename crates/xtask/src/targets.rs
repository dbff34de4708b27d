//! `cargo xtask targets`: the library type-checked for machines that none of its tests run on.
//!
//! A check needs neither linker nor system libraries, so it finds what would not compile, and what only warns
//! there, from one machine: code for other systems, other processors, and a `usize` of 32 bits.

use anyhow::Result;

use crate::toolchain::Toolchain;
use crate::{run, say, timed};

/// Two other systems, and 32 bits; in the short form these alone.
const SHORT: &[&str] = &["x86_64-pc-windows-msvc", "aarch64-apple-darwin", "i686-unknown-linux-gnu"];

/// Phones, of 64 and of 32 bits.
const MORE: &[&str] = &[ANDROID, "armv7-linux-androideabi"];

/// For this one machine code is made, too. What Android links programs against is in its own kit, which no
/// package of Debian brings.
const ANDROID: &str = "aarch64-linux-android";

pub fn all(short: bool) -> Result<()> {
    let toolchain = Toolchain::get()?;
    let targets = if short { SHORT.to_vec() } else { [SHORT, MORE].concat() };
    for target in &targets {
        let mut cargo = toolchain.cargo_with_library("check", target);
        // What blake3 reads to leave out its parts in C and assembly: there are no C headers for these
        // systems here, and a check of Rust has no use for objects.
        cargo.env("CARGO_FEATURE_PURE", "1").args(["--package", "xnc", "--package", "xnc-c"]);
        // The standard library is compiled even for a check: nobody runs it.
        cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "none");
        timed(&format!("the library is checked for {target}"), || run(&mut cargo))?;
    }
    say(&format!("no warning for {}", targets.join(", ")));
    if !short {
        timed(&format!("the command is compiled for {ANDROID}, all but linked"), || {
            let mut cargo = toolchain.cargo_with_library("rustc", ANDROID);
            cargo.env("CARGO_FEATURE_PURE", "1").args(["--package", "xnc-cli", "--bin", "xnc"]);
            run(cargo.args(["--", "-Zno-link"]))
        })?;
    }
    Ok(())
}
