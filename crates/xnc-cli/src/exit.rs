//! How a command ends when it fails: what people and programs are told, what helps, and the exit codes of
//! `xnc --help`.

mod remedy;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xnc::{Error, model_files};

use crate::args::Command;
use crate::say;

/// Exit code of wrong usage.
pub const USAGE: u8 = 2;
const FAILED: u8 = 1;
const FILES: u8 = 3;
const DAMAGED: u8 = 4;
const REFUSED: u8 = 5;
const DIFFERS: u8 = 6;

/// What goes wrong outside the library.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Standard output takes no more.
    #[error("standard output: {0}")]
    Stdout(io::Error),
    /// Arguments that the parser takes and that make no sense.
    #[error("{0}")]
    Usage(String),
    /// A source that another program cut.
    #[error("{}: another program cut this file while it was read; try again when it is whole", .0.display())]
    Cut(PathBuf),
}

/// A failure as it is told.
struct Told {
    kind: &'static str,
    code: u8,
    message: String,
    /// Where a source differs, for programs.
    difference: Option<Value>,
}

impl Told {
    fn new(kind: &'static str, code: u8, message: String) -> Told {
        Told { kind, code, message, difference: None }
    }
}

/// The sizes of what a command reads, from before it began: who knows them can tell a cut file from a
/// damaged one.
pub struct Sources(Vec<(PathBuf, u64)>);

impl Sources {
    /// Looks at the files of a command.
    pub fn of(command: &Command) -> Sources {
        let inputs = command.input().into_iter().chain(command.against());
        let files = inputs.filter_map(|input| model_files(input).ok()).flatten();
        let size = |path: PathBuf| path.metadata().ok().map(|found| (path, found.len()));
        Sources(files.filter_map(size).collect())
    }

    /// The first that has become shorter.
    fn cut(&self) -> Option<&Path> {
        let is_shorter = |(path, size): &&(PathBuf, u64)| path.metadata().is_ok_and(|now| now.len() < *size);
        self.0.iter().find(is_shorter).map(|(path, _)| path.as_path())
    }
}

/// Tells of an error; returns the exit code.
pub fn report(command: &Command, sources: &Sources, error: &anyhow::Error) -> u8 {
    if is_closed_pipe(error) {
        return 0;
    }
    let told = match sources.cut() {
        Some(path) if error.downcast_ref::<Error>().is_some() => {
            told(command, &Failure::Cut(path.into()).into())
        }
        _ => told(command, error),
    };
    tell(command.json(), &told)
}

/// Tells of a file that was cut while it was mapped; returns the exit code. The system may not tell which
/// file it was.
pub fn report_cut(command: &Command, path: Option<PathBuf>) -> u8 {
    if io::stderr().is_terminal() {
        // The thread that draws the bar may be the one that stands still.
        writeln!(io::stderr()).ok();
    }
    let path = path.or_else(|| command.input().map(Path::to_owned)).unwrap_or_default();
    tell(command.json(), &told(command, &Failure::Cut(path).into()))
}

/// Tells of wrong usage that the parser found, in its own words; returns the exit code.
pub fn report_usage(json: bool, error: &clap::Error) -> u8 {
    if !error.use_stderr() {
        // Help and version are no errors, and are printed like any other output.
        let Err(error) = say::print_bytes(error.render().to_string().as_bytes()) else { return 0 };
        if !is_closed_pipe(&error) {
            say::tell(&format!("xnc: {error}"));
            return FILES;
        }
        return 0;
    }
    error.print().ok();
    if json {
        let message = error.render().to_string();
        print_json(&Told::new("usage", USAGE, message.trim_end().into()));
    }
    USAGE
}

fn tell(json: bool, told: &Told) -> u8 {
    say::tell(&format!("xnc: {}", told.message));
    if json {
        print_json(told);
    }
    told.code
}

fn print_json(Told { kind, code, message, difference }: &Told) {
    let mut error = json!({"kind": kind, "message": message, "exit_code": code});
    if let Some(difference) = difference {
        error["difference"] = difference.clone();
    }
    // Whoever does not take it has the exit code.
    say::print_json(&json!({"error": error})).ok();
}

fn told(command: &Command, error: &anyhow::Error) -> Told {
    let message = format!("{error:#}");
    if let Some(failure) = error.downcast_ref::<Failure>() {
        let (kind, code) = match failure {
            Failure::Stdout(_) => ("io", FILES),
            Failure::Usage(_) => ("usage", USAGE),
            Failure::Cut(_) => ("cut", FILES),
        };
        return Told::new(kind, code, message);
    }
    let Some(error) = error.downcast_ref::<Error>() else {
        let (kind, code) =
            if error.downcast_ref::<io::Error>().is_some() { ("io", FILES) } else { ("other", FAILED) };
        return Told::new(kind, code, message);
    };
    let root = root(error);
    let (kind, code) = kind(root);
    let remedy = remedy::of(command, error).map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Told { kind, code, message: named(command, error) + &remedy, difference: difference(error) }
}

/// The library's message with the file that it is about.
pub fn named(command: &Command, error: &Error) -> String {
    // These name their file themselves; the others concern the input.
    let is_named = matches!(
        error,
        Error::Io { .. }
            | Error::TargetExists { .. }
            | Error::SameFile { .. }
            | Error::SpecialFile { .. }
            | Error::Busy { .. }
            | Error::NoSpace { .. }
            | Error::NoBackend { .. }
            | Error::Threads { .. }
    );
    // What a source is wrong with is told of it alone.
    let is_of_source = |file: &Path| command.against().is_some_and(|against| file.starts_with(against));
    let is_named = is_named || matches!(error, Error::InFile { file, .. } if is_of_source(file));
    let file = if is_named { None } else { command.input() };
    let file = file.map(|input| format!("{}: ", input.display())).unwrap_or_default();
    format!("{file}{error}")
}

/// Where a source differs, as `--json` tells it.
fn difference(error: &Error) -> Option<Value> {
    let Error::Differs { tensor, element, offset, restored, there } = root(error) else { return None };
    let file = match error {
        Error::InFile { file, .. } => Some(file.to_string_lossy()),
        _ => None,
    };
    Some(json!({
        "file": file,
        "tensor": tensor,
        "row": element.map(|[row, _]| row),
        "column": element.map(|[_, column]| column),
        "offset": offset,
        "restored": restored,
        "source": there,
    }))
}

/// What went wrong in a file of a folder, or as a whole.
fn root(mut error: &Error) -> &Error {
    while let Error::InFile { cause, .. } = error {
        error = cause;
    }
    error
}

fn kind(error: &Error) -> (&'static str, u8) {
    match error {
        Error::Io { .. } | Error::Write { .. } => ("io", FILES),
        Error::NoSpace { .. } => ("no_space", FILES),
        Error::NotAModel { .. } => ("not_a_model", DAMAGED),
        Error::Corrupt { .. } => ("corrupt", DAMAGED),
        Error::Edited { .. } => ("edited", DAMAGED),
        Error::Differs { .. } => ("differs", DIFFERS),
        Error::UnsupportedVersion { .. } => ("unsupported_version", REFUSED),
        Error::Unknown { .. } => ("unknown", REFUSED),
        Error::NotCompressed { .. } => ("not_compressed", REFUSED),
        Error::AlreadyCompressed { .. } => ("already_compressed", REFUSED),
        Error::TensorNotFound { .. } => ("tensor_not_found", REFUSED),
        Error::NotATable { .. } => ("not_a_table", REFUSED),
        Error::RowOutOfRange { .. } => ("row_out_of_range", REFUSED),
        Error::TargetExists { .. } => ("target_exists", REFUSED),
        Error::SameFile { .. } => ("same_file", REFUSED),
        Error::SpecialFile { .. } => ("special_file", REFUSED),
        Error::Busy { .. } => ("busy", REFUSED),
        Error::NoBackend { .. } => ("no_backend", USAGE),
        _ => ("other", FAILED),
    }
}

/// `xnc rows ... | head` is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Failure::Stdout(e)) if e.kind() == io::ErrorKind::BrokenPipe)
}
