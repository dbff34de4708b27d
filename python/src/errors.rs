//! The library's errors as exceptions of `xnc.errors`, which says what they are.

use pyo3::prelude::*;
use pyo3::types::PyType;
use xnc::Error;

/// The exception of that name in `xnc.errors`.
pub fn exception(py: Python<'_>, name: &str, message: String) -> PyErr {
    let class = py.import("xnc.errors").and_then(|module| module.getattr(name));
    match class.and_then(|class| Ok(class.cast_into::<PyType>()?)) {
        Ok(class) => PyErr::from_type(class, message),
        Err(error) => error,
    }
}

/// The exception that stands for `error`, with what should be said.
pub fn library(py: Python<'_>, error: &Error, message: String) -> PyErr {
    exception(py, name(error), message)
}

/// As [`library`], of a table.
pub fn of_table(py: Python<'_>, error: &Error, table: &str) -> PyErr {
    let named = format!("table `{table}`: ");
    let message = error.to_string();
    // Damage names its tensor.
    let message = if message.contains(&named["table ".len()..]) { message } else { named + &message };
    library(py, error, message)
}

fn name(error: &Error) -> &'static str {
    match error {
        Error::Io { cause, .. } => match cause.kind() {
            std::io::ErrorKind::NotFound => "MissingFileError",
            _ => "FileError",
        },
        Error::NoSpace { .. }
        | Error::Write { .. }
        | Error::SpecialFile { .. }
        | Error::Busy { .. }
        | Error::SameFile { .. } => "FileError",
        Error::TargetExists { .. } => "TargetExistsError",
        Error::NotAModel { .. } | Error::UnsupportedVersion { .. } | Error::Unknown { .. } => "FormatError",
        Error::Corrupt { .. } | Error::Edited { .. } => "DamagedError",
        Error::NotCompressed { .. } => "NotCompressedError",
        Error::AlreadyCompressed { .. } => "AlreadyCompressedError",
        Error::TensorNotFound { .. } => "TableNotFoundError",
        Error::NotATable { .. } => "NotATableError",
        Error::RowOutOfRange { .. } => "RowError",
        Error::WrongLength { .. } => "ShapeError",
        Error::Differs { .. } => "DiffersError",
        Error::NoBackend { .. } | Error::Threads { .. } => "MachineError",
        Error::InFile { cause, .. } => name(cause),
        _ => "Error",
    }
}
