//! What stands at a path: a file, a folder, or something that must not even be opened.

use std::fs::FileType;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// What is neither; its name for messages.
    Special(&'static str),
}

/// What stands at a path itself, links not followed; none for nothing.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(kind_of(metadata.file_type()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn kind_of(found: FileType) -> Kind {
    if found.is_file() {
        return Kind::File;
    } else if found.is_dir() {
        return Kind::Folder;
    } else if found.is_symlink() {
        return Kind::Special("symbolic link");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.is_fifo() {
            return Kind::Special("pipe");
        } else if found.is_socket() {
            return Kind::Special("socket");
        } else if found.is_block_device() || found.is_char_device() {
            return Kind::Special("device");
        }
    }
    Kind::Special("special file")
}

/// What a source is, links followed.
///
/// # Errors
/// Those of the system, with the path.
pub fn kind_behind(path: &Path) -> Result<Kind> {
    path.metadata().map(|metadata| kind_of(metadata.file_type())).map_err(Error::io(path))
}

/// Whether a source, links followed, is a folder. Anything but a folder or a regular file is refused
/// unopened: opening a pipe waits for whoever writes to it.
///
/// # Errors
/// [`Error::SpecialFile`]; those of the system.
pub fn source_is_folder(path: &Path) -> Result<bool> {
    match kind_behind(path)? {
        Kind::File => Ok(false),
        Kind::Folder => Ok(true),
        Kind::Special(kind) => Err(Error::SpecialFile { path: path.to_owned(), kind }),
    }
}
