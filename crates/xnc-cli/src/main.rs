//! The `xnc` command: arguments in, library calls, reports out. No codec logic.

mod args;
mod bars;
mod commands;
mod exit;
mod units;

use std::process::ExitCode;

use clap::Parser;
use xnc::Backend;

use args::{Args, Command};

/// A backend that was asked for and is not there would otherwise go unnoticed.
fn pinned() -> Result<(), String> {
    let all: Vec<_> = Backend::available().iter().map(|backend| backend.name()).collect();
    match std::env::var(Backend::PIN) {
        Ok(name) if !all.contains(&name.as_str()) => {
            Err(format!("{}={name}: this machine has {}", Backend::PIN, all.join(", ")))
        }
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(error) = pinned() {
        eprintln!("xnc: {error}");
        return ExitCode::from(2);
    }
    let result = match &args.command {
        Command::Compress(args) => commands::compress::run(args),
        Command::Transcode(args) => commands::transcode::run(args),
        Command::Restore(args) => commands::restore::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Analyze(args) => commands::analyze::run(args),
        Command::Rows(args) => commands::rows::run(args),
        Command::Bench(args) => commands::bench::run(args),
        Command::Completions { shell } => commands::manual::completions(*shell),
        Command::Man { folder } => commands::manual::pages(folder.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&args.command, &error),
    }
}
