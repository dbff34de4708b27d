//! Versions, of the header that a program was compiled with and of the library that it runs with.

use std::ffi::{CStr, c_char};

/// Version of this header: the first number changes when programs have to be compiled anew.
pub const XNC_VERSION_MAJOR: u32 = 0;
/// Version of this header: the second number changes when something was added.
pub const XNC_VERSION_MINOR: u32 = 1;

/// Version of the library that is running, as in "0.1.0". The text is the library's and lasts.
#[unsafe(no_mangle)]
pub extern "C" fn xnc_version() -> *const c_char {
    CStr::as_ptr(VERSION)
}

/// The highest version of the file format that the library reads, as in "1.0". The text is the library's and
/// lasts.
#[unsafe(no_mangle)]
pub extern "C" fn xnc_format_version() -> *const c_char {
    CStr::as_ptr(FORMAT)
}

/// As the library tells it to whoever opens a newer file, which a test compares.
const FORMAT: &CStr = c"1.0";

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version has no zero byte"),
};
