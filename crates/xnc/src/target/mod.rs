//! Files and folders that appear whole or not at all.
//!
//! A target is written under a temporary name, which belongs to one run at a time ([`claim`]), and is renamed
//! when it is whole. What a run does not finish is removed: by the run itself, by [`remove_temporaries`] on a
//! signal, or by the next run after a kill.

mod claim;
mod flushing;
mod folder;
mod merge;
mod place;
mod space;
mod temporaries;
mod tree;

use std::fs::{File, Permissions};
use std::io::{self, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::kinds::{Kind, kind};
use claim::Claim;
use flushing::Flushing;
pub(crate) use folder::TargetFolder;
pub(crate) use space::check_space;
pub(crate) use temporaries::is_temporary;
pub use temporaries::remove_temporaries;

/// A file being written beside its target under a temporary name.
pub struct Target {
    path: PathBuf,
    // Before the claim, which it ends before.
    flushing: Option<Flushing>,
    claim: Claim,
    force: bool,
    permissions: Option<Permissions>,
}

impl Target {
    /// Starts a file that will become `path`, with the permission bits of `source`. Without `force`, an
    /// existing file there is only ever compared. Until [`Target::commit`] it is private, and gone when
    /// dropped.
    ///
    /// # Errors
    /// [`Error::SameFile`] when `path` is `source`; [`Error::SpecialFile`] when `path` is no regular file, a
    /// symbolic link among them; [`Error::Busy`] while another run writes to `path`; those of creating the
    /// temporary file.
    pub fn create(path: &Path, source: &Path, force: bool) -> Result<Target> {
        if let (Ok(a), Ok(b)) = (path.canonicalize(), source.canonicalize())
            && a == b
        {
            return Err(Error::SameFile { path: path.to_owned() });
        }
        match kind(path).map_err(Error::io(path))? {
            None | Some(Kind::File) => {}
            Some(Kind::Folder) => return Err(Error::io(path)(io::ErrorKind::IsADirectory.into())),
            Some(Kind::Special(kind)) => return Err(Error::SpecialFile { path: path.to_owned(), kind }),
        }
        let name = path.file_name().ok_or_else(|| Error::io(path)(io::ErrorKind::InvalidFilename.into()))?;
        let claim = Claim::take(&place::folder_of(path).join(temporaries::name_for(name)), path)?;
        let permissions = source.metadata().ok().map(|source| source.permissions());
        Ok(Target { path: path.to_owned(), claim, force, permissions, flushing: None })
    }

    /// Says how large the file may become, before any work.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when the file system has less.
    pub fn expect(&mut self, bytes: u64) -> Result<()> {
        check_space(&self.path, bytes)?;
        self.flushing = Flushing::start(self.claim.file(), bytes);
        Ok(())
    }

    /// The file to write to.
    pub fn file(&mut self) -> &mut File {
        self.claim.file()
    }

    /// Where the bytes are until [`Target::commit`].
    pub fn temporary_path(&self) -> &Path {
        self.claim.path()
    }

    /// The same error, naming the target where it only says that writing failed.
    pub(crate) fn blame(path: &Path) -> impl Fn(Error) -> Error + '_ {
        |error| match error {
            Error::Write { cause } => Error::io(path)(cause),
            other => other,
        }
    }

    /// Flushes to the disk and renames. A target that holds exactly these bytes already counts as written.
    ///
    /// # Errors
    /// [`Error::TargetExists`] when it holds others and `force` is not set; those of the system.
    pub fn commit(self) -> Result<()> {
        let Target { path, mut claim, force, permissions, flushing } = self;
        let failed = |cause| Error::Io { path: path.clone(), cause };
        flushing.map_or(Ok(()), Flushing::end).map_err(failed)?;
        if let Some(permissions) = permissions {
            place::keep_permissions(claim.path(), &permissions, 0).map_err(failed)?;
        }
        claim.sync().map_err(failed)?;
        if let Err(refused) = claim.give_name(&path, force) {
            // What came to be there meanwhile must be a file before it is opened: a pipe would wait for ever.
            if refused.kind() != io::ErrorKind::AlreadyExists || !matches!(kind(&path), Ok(Some(Kind::File)))
            {
                return Err(failed(refused));
            }
            return if same_bytes(claim.file(), &path).map_err(failed)? {
                Ok(())
            } else {
                Err(Error::TargetExists { path })
            };
        }
        place::sync_folder(place::folder_of(&path)).map_err(failed)
    }
}

/// Compares through the open file: where locks are binding, nobody else may read it.
fn same_bytes(a: &mut File, b: &Path) -> io::Result<bool> {
    let b = File::open(b)?;
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    a.rewind()?;
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
