//! The `xnc` command: arguments in, library calls, reports out. No codec logic.

mod args;
mod bars;
mod commands;
mod exit;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
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
