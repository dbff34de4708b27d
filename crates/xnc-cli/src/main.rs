//! The `xnc` program.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    xnc_cli::run(std::env::current_exe().unwrap_or_default(), &arguments).into()
}
