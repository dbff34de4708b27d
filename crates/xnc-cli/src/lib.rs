//! The `xnc` command: arguments in, library calls, reports out. No codec logic.
//!
//! It is a library for the sake of the Python package, which brings the command along ([`run`]), and whose
//! functions do what the command does and give what it tells ([`report`]).

mod args;
mod bars;
mod commands;
mod exit;
mod ids;
mod say;
mod signals;
mod units;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Parser;
use serde_json::Value;
use xnc::{Backend, Stage};

use args::{Args, Command};

/// Hears of steps, as [`xnc::Progress`] does.
pub type Hear<'a> = &'a (dyn Fn(Stage, u64, u64) + Sync);

/// What runs this command again: `bench --tune` does.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Why there is no report.
pub enum Failed {
    /// Arguments that make no sense, in words.
    Usage(String),
    /// What the library says, and that with the name of the input.
    Library(Box<xnc::Error>, String),
    /// Anything else, in words.
    Other(String),
}

/// Is the command: prints, and returns the exit code. `program` starts it again; `arguments` begin with its name.
pub fn run(program: PathBuf, arguments: &[OsString]) -> u8 {
    xnc::internals::give_back();
    PROGRAM.set(program).ok();
    let command = match Args::try_parse_from(arguments) {
        Ok(args) => args.command,
        Err(error) => {
            let json = arguments.iter().any(|argument| argument == "--json");
            return exit::report_usage(json, &error);
        }
    };
    signals::watch();
    signals::watch_files(command.clone());
    let sources = exit::Sources::of(&command);
    match run_command(&command) {
        Ok(()) => 0,
        Err(error) => {
            signals::give_way();
            exit::report(&command, &sources, &error)
        }
    }
}

/// Does what the command does with these `arguments`, without printing: what it tells with `--json`.
///
/// # Errors
/// [`Failed::Usage`] also for a command that gives no report: `rows`, `bench` and those that print manuals.
pub fn report(arguments: &[OsString], hear: Hear<'_>) -> Result<Value, Failed> {
    let usage = |error: clap::Error| Failed::Usage(error.render().to_string().trim_end().to_owned());
    let command = Args::try_parse_from(arguments).map_err(usage)?.command;
    let told = match &command {
        Command::Compress(args) => commands::compress::report(args, hear),
        Command::Transcode(args) => commands::transcode::report(args, hear),
        Command::Restore(args) => commands::restore::report(args, hear),
        Command::Verify(args) => commands::verify::report(args, hear),
        Command::Inspect(args) => commands::inspect::report(args, hear),
        Command::Analyze(args) => commands::analyze::report(args, hear),
        _ => return Err(Failed::Usage("this command gives no report".into())),
    };
    told.map_err(|error| match error.downcast::<xnc::Error>() {
        Ok(error) => {
            let named = exit::named(&command, &error);
            Failed::Library(Box::new(error), named)
        }
        Err(error) => match error.downcast::<exit::Failure>() {
            Ok(exit::Failure::Usage(message)) => Failed::Usage(message),
            Ok(failure) => Failed::Other(failure.to_string()),
            Err(error) => Failed::Other(format!("{error:#}")),
        },
    })
}

fn run_command(command: &Command) -> anyhow::Result<()> {
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
