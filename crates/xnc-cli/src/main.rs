//! The `xnc` command: arguments in, library calls, reports out. No codec logic.

mod args;
mod bars;
mod commands;
mod exit;
mod ids;
mod say;
mod signals;
mod units;

use std::process::ExitCode;

use clap::Parser;
use xnc::Backend;

use args::{Args, Command};

fn main() -> ExitCode {
    let command = match Args::try_parse() {
        Ok(args) => args.command,
        Err(error) => {
            let json = std::env::args_os().any(|argument| argument == "--json");
            return exit::report_usage(json, &error).into();
        }
    };
    signals::watch();
    signals::watch_files(command.clone());
    let sources = exit::Sources::of(&command);
    match run(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            signals::give_way();
            exit::report(&command, &sources, &error).into()
        }
    }
}

fn run(command: &Command) -> anyhow::Result<()> {
    // A backend that was asked for and is not there would otherwise be found after hours of work, or not at
    // all.
    Backend::detect()?;
    match command {
        Command::Compress(args) => commands::compress::run(args),
        Command::Transcode(args) => commands::transcode::run(args),
        Command::Restore(args) => commands::restore::run(args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Analyze(args) => commands::analyze::run(args),
        Command::Rows(args) => commands::rows::run(args),
        Command::Bench(args) => commands::bench::run(args),
        Command::Run(args) => commands::run::run(args),
        Command::Completions { shell } => commands::manual::completions(*shell),
        Command::Man { folder } => commands::manual::pages(folder.as_deref()),
    }
}
