//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Names of temporary files; a killed process leaves one.
const PREFIX: &str = ".xnc-";
const SUFFIX: &str = ".part";

/// Removes what killed runs left in a folder that only this run writes to.
pub fn remove_leftovers(folder: &Path) {
    for file in folder.read_dir().into_iter().flatten().flatten() {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            std::fs::remove_file(file.path()).ok();
        }
    }
}

/// A file being written beside its target under a temporary name.
pub struct Target {
    path: PathBuf,
    temporary: NamedTempFile,
    force: bool,
}

impl Target {
    /// Starts a file that will become `path`. Without `force`, an existing file there is only ever compared.
    ///
    /// # Errors
    /// [`Error::SameFile`] when `path` is `source`; those of creating the temporary file.
    pub fn create(path: &Path, source: &Path, force: bool) -> Result<Target> {
        if let (Ok(a), Ok(b)) = (path.canonicalize(), source.canonicalize())
            && a == b
        {
            return Err(Error::SameFile { path: path.to_owned() });
        }
        if path.is_dir() {
            return Err(Error::io(path)(io::ErrorKind::IsADirectory.into()));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // Temporary files are private by default; this one becomes a file like any other, as the umask has it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(folder(path)).map_err(Error::io(path))?;
        Ok(Target { path: path.to_owned(), temporary, force })
    }

    /// A file without a name in the same folder, for bytes that are needed only while writing.
    ///
    /// # Errors
    /// Those of creating it.
    pub fn scratch(&self) -> Result<File> {
        tempfile::tempfile_in(folder(&self.path)).map_err(Error::io(&self.path))
    }

    /// The file to write to.
    pub fn file(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Where the bytes are until [`Target::commit`].
    pub fn temporary_path(&self) -> &Path {
        self.temporary.path()
    }

    /// Flushes to the disk and renames. A target that holds exactly these bytes already counts as written.
    ///
    /// # Errors
    /// [`Error::TargetExists`] when it holds others and `force` is not set; those of the system.
    pub fn commit(self) -> Result<()> {
        let Target { path, temporary, force } = self;
        temporary.as_file().sync_all().map_err(Error::io(&path))?;
        if force {
            temporary.persist(&path).map_err(|e| Error::Io { path: path.clone(), cause: e.error })?;
        } else if let Err(refused) = temporary.persist_noclobber(&path) {
            if refused.error.kind() != io::ErrorKind::AlreadyExists {
                return Err(Error::Io { path, cause: refused.error });
            }
            return if same_bytes(refused.file.path(), &path).map_err(Error::io(&path))? {
                Ok(())
            } else {
                Err(Error::TargetExists { path })
            };
        }
        // The rename itself must reach the disk; not every system can sync a folder.
        File::open(folder(&path)).and_then(|folder| folder.sync_all()).ok();
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::with_capacity(1 << 16, a), BufReader::with_capacity(1 << 16, b));
    let (mut left, mut right) = ([0; 1 << 14], [0; 1 << 14]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(true);
        }
        b.read_exact(&mut right[..n])?;
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}
