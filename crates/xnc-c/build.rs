//! Gives the shared library the name that programs look for when they start, with the major version alone, so that
//! a minor one takes its place; and has it stay in a process that loaded it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name: &str| env::var(name).unwrap_or_default();
    let major = of("CARGO_PKG_VERSION_MAJOR");
    let name = match (of("CARGO_CFG_TARGET_FAMILY").as_str(), of("CARGO_CFG_TARGET_VENDOR").as_str()) {
        ("unix", "apple") => format!("-install_name,@rpath/libxnc.{major}.dylib"),
        // Threads that the library started would run on code that is gone.
        ("unix", _) => format!("-soname,libxnc.so.{major},-z,nodelete"),
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,{name}");
}
