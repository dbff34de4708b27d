//! `include/xnc.h` is what cbindgen makes of the source; `XNC_BLESS=1 cargo test -p xnc-c --test header` writes it.

#[path = "support/made.rs"]
mod made;

use std::path::Path;

#[test]
fn header_is_what_the_source_says() {
    let made = made::header();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("include/xnc.h");
    if std::env::var_os("XNC_BLESS").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, made, "{} is not what the source makes: XNC_BLESS=1 writes it anew", path.display());
    let widest = there.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "a line of the header has {widest:?} columns");
}

#[test]
fn header_has_the_version_of_the_package() {
    let of = |number: &str| number.parse::<u32>().expect("a number");
    assert_eq!(xnc_c::XNC_VERSION_MAJOR, of(env!("CARGO_PKG_VERSION_MAJOR")));
    assert_eq!(xnc_c::XNC_VERSION_MINOR, of(env!("CARGO_PKG_VERSION_MINOR")));
}
