//! Errors for people, and the exit codes of `xnc --help`.

use std::path::Path;
use std::process::ExitCode;

use xnc::Error;

use crate::args::Command;

/// Prints the error with the file it concerns and picks the exit code.
pub fn report(command: &Command, error: &anyhow::Error) -> ExitCode {
    let cause = error.downcast_ref::<Error>();
    let root = cause.map(|mut cause| {
        while let Error::InFile { cause: inner, .. } = cause {
            cause = inner;
        }
        cause
    });
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    match cause {
        // These name their file themselves.
        Some(Error::Io { .. } | Error::TargetExists { .. } | Error::SameFile { .. }) | None => {
            eprintln!("xnc: {error:#}");
        }
        Some(_) => {
            let input = command.input().unwrap_or(Path::new("")).display();
            eprintln!("xnc: {input}: {error:#}");
        }
    }
    ExitCode::from(match root {
        Some(Error::Io { .. }) => 3,
        Some(Error::Corrupt { .. } | Error::NotAModel { .. }) => 4,
        Some(_) => 5,
        None => 1,
    })
}

/// `xnc rows ... | head` is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
