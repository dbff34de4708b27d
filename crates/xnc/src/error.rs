//! One error type; its messages carry names, offsets and, where there is one, the remedy.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::role::nearest_list;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. Files and tensors are named in the messages; bad input never panics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}{}{cause}", path.display(), if path.as_os_str().is_empty() { "" } else { ": " })]
    Io {
        /// The file that was read or written; empty for one that the caller opened.
        path: PathBuf,
        /// The system's error; part of the message, so not [`std::error::Error::source`] as well.
        cause: io::Error,
    },
    /// The file is no model file that this build reads, and an upgrade would not help.
    #[error("not a model file that xnc reads: {reason}")]
    NotAModel {
        /// What the file is, or what is wrong with it, and what to do about it.
        reason: String,
    },
    /// Stored bytes contradict themselves or a checksum.
    #[error("corrupt file: {what}{}", offset.map(|o| format!(" at byte {o}")).unwrap_or_default())]
    Corrupt {
        /// What is wrong, with the tensor's name.
        what: String,
        /// Byte offset in the file, where one place is to blame.
        offset: Option<u64>,
    },
    /// The file was written by a newer format.
    #[error("{what} has format version {found}, this build reads up to {supported}; upgrade xnc")]
    UnsupportedVersion {
        /// The tensor or record.
        what: String,
        /// Version in the file.
        found: String,
        /// Highest version this build reads.
        supported: &'static str,
    },
    /// A codec or dtype name that this build does not know.
    #[error("{what} uses {kind} `{found}`, which this build does not know; upgrade xnc")]
    Unknown {
        /// The tensor or record.
        what: String,
        /// "codec", "dtype", "model format".
        kind: &'static str,
        /// The unknown name.
        found: String,
    },
    /// The file holds no compressed tensor, or has lost the record of its source.
    #[error("not a compressed file: {reason}")]
    NotCompressed {
        /// What was missing.
        reason: String,
    },
    /// Compressing a compressed file.
    #[error("already compressed: it holds `{name}`")]
    AlreadyCompressed {
        /// A companion tensor that proves it.
        name: String,
    },
    /// No tensor of that name.
    #[error("no tensor `{name}`; the tables here are: {}", nearest_list(name, available.iter().map(String::as_str)))]
    TensorNotFound {
        /// The name asked for.
        name: String,
        /// All names that would work; the message has the nearest.
        available: Vec<String>,
    },
    /// A tensor that is not a table of 16-bit words.
    #[error("tensor `{name}` cannot be used as a table: {reason}")]
    NotATable {
        /// The tensor.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A row number past the end.
    #[error("row {row} is out of range: the table has {rows} rows")]
    RowOutOfRange {
        /// The row asked for.
        row: u64,
        /// Rows in the table.
        rows: u64,
    },
    /// The target exists and holds other bytes.
    #[error("{} exists and differs from what would be written", path.display())]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// Source and target are one file, or one folder lies in the other.
    #[error("{} is, or lies in, the source", path.display())]
    SameFile {
        /// The target.
        path: PathBuf,
    },
    /// A backend was asked for that this machine does not have.
    #[error("no backend `{name}` on this machine, which has {available}")]
    NoBackend {
        /// The name asked for.
        name: String,
        /// Names that would work.
        available: String,
    },
    /// The system starts no threads.
    #[error(
        "cannot start {} threads: {reason}",
        if *threads == 0 { "the pool's".to_owned() } else { threads.to_string() }
    )]
    Threads {
        /// How many were asked for, 0 for the global pool's.
        threads: usize,
        /// What the system says.
        reason: String,
    },
    /// The words, or the vectors, that a caller passes do not have the extent that is asked of them.
    #[error("{what} has {found} elements where {expected} are asked for")]
    WrongLength {
        /// What the caller passed.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that was asked for.
        expected: usize,
    },
    /// An error in one file of a folder.
    #[error("{}: {cause}", file.display())]
    InFile {
        /// The file, relative to the folder.
        file: PathBuf,
        /// What went wrong there.
        cause: Box<Error>,
    },
    /// A pipe, device, socket, or a symbolic link as a target.
    #[error("{} is a {kind}; only regular files are read and replaced", path.display())]
    SpecialFile {
        /// The source, target, or file in a folder.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// Another run holds the target's temporary file.
    #[error(
        "another run is writing to {}; if none is, and it stays so, remove {}",
        path.display(),
        temporary.display()
    )]
    Busy {
        /// The target.
        path: PathBuf,
        /// Its temporary file.
        temporary: PathBuf,
    },
    /// The result will not fit where it should go.
    #[error("{} needs {need} bytes or more, its file system has {have} free", path.display())]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// What it needs at least, as far as that is known before the work.
        need: u64,
        /// Free bytes.
        have: u64,
    },
    /// Writing to what the caller gave failed.
    #[error("writing failed: {cause}")]
    Write {
        /// The writer's error.
        cause: io::Error,
    },
    /// Files that a compressed folder copied, and that are not any more what they were.
    #[error(
        "tables and all other files come back, but not what is changed or gone since compressing: {}",
        files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Edited {
        /// Their paths inside the folder.
        files: Vec<PathBuf>,
    },
    /// What a compressed file restores to is not what stands in the source that it was compared with: the first
    /// difference. Tensors are compared before all other bytes.
    #[error("differs from the source{}: {restored} restored, {there} there", place(tensor, *element, *offset))]
    Differs {
        /// The tensor; none where all tensors are the same, and where a file holds none.
        tensor: Option<String>,
        /// Row and column of the element; none where the tensor is of another type or shape, or its elements
        /// have no bytes of their own, as in quantised blocks.
        element: Option<[u64; 2]>,
        /// Offset in the source of the first byte that differs; none where no byte is to blame.
        offset: Option<u64>,
        /// What is restored there: an element, a byte, a type and shape.
        restored: String,
        /// What the source has there.
        there: String,
    },
}

impl Error {
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Error::Corrupt { what: what.into(), offset: None }
    }

    pub(crate) fn corrupt_at(offset: u64, what: impl Into<String>) -> Self {
        Error::Corrupt { what: what.into(), offset: Some(offset) }
    }

    /// Names the tensor in a codec's complaint.
    pub(crate) fn in_tensor(self, name: &str) -> Self {
        match self {
            Error::Corrupt { what, offset } => {
                let named = format!("tensor `{name}`: ");
                let what = if what.starts_with(&named) { what } else { named + &what };
                Error::Corrupt { what, offset }
            }
            other => other,
        }
    }

    /// Names the place in the file that is to blame.
    pub(crate) fn at(self, place: u64) -> Self {
        match self {
            Error::Corrupt { what, .. } => Error::Corrupt { what, offset: Some(place) },
            other => other,
        }
    }

    /// Names the file inside a folder, unless the error does already.
    pub(crate) fn in_file(file: &Path, error: Error) -> Self {
        match error {
            Error::Io { .. } => error,
            other => Error::InFile { file: file.to_owned(), cause: Box::new(other) },
        }
    }

    /// Names the file in an I/O error: `.map_err(Error::io(path))`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |cause| Error::Io { path: path.to_owned(), cause }
    }
}

/// Where a source differs, after the words that say that it does.
fn place(tensor: &Option<String>, element: Option<[u64; 2]>, offset: Option<u64>) -> String {
    let mut place = tensor.as_ref().map(|name| format!(" in tensor `{name}`")).unwrap_or_default();
    if let Some([row, column]) = element {
        place += &format!(", row {row}, column {column}");
    }
    if let Some(offset) = offset {
        let comma = if tensor.is_some() { "," } else { "" };
        place += &format!("{comma} at byte {offset}");
    }
    place
}
