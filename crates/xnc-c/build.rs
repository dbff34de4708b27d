//! Gives the shared library the name that programs look for when they start: with the major version alone, so that
//! a minor one takes its place.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name: &str| env::var(name).unwrap_or_default();
    let major = of("CARGO_PKG_VERSION_MAJOR");
    let name = match (of("CARGO_CFG_TARGET_FAMILY").as_str(), of("CARGO_CFG_TARGET_VENDOR").as_str()) {
        ("unix", "apple") => format!("-install_name,@rpath/libxnc.{major}.dylib"),
        ("unix", _) => format!("-soname,libxnc.so.{major}"),
        _ => return,
    };
    println!("cargo::rustc-cdylib-link-arg=-Wl,{name}");
}
