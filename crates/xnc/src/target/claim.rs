//! The temporary file of a target, which one run at a time may write to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::place::{give_new_name, is_at};
use super::temporaries;
use crate::error::{Error, Result};
use crate::kinds::{Kind, kind};

/// Removing a leftover and making the file anew can meet another run that does the same; it is over after a
/// few.
const ATTEMPTS: usize = 100;

/// A file that this run made and holds a lock on. Its name tells which target it is for, the lock that a run
/// is alive.
pub struct Claim {
    file: File,
    path: PathBuf,
    /// The name may be another run's by now.
    left: bool,
}

impl Claim {
    /// Makes the temporary file `path`, in place of one that a killed run left. Errors are told of `target`.
    ///
    /// # Errors
    /// [`Error::Busy`] while another run holds it; those of making files there.
    pub fn take(path: &Path, target: &Path) -> Result<Claim> {
        let path = std::path::absolute(path).map_err(Error::io(target))?;
        let busy = || Error::Busy { path: target.to_owned(), temporary: path.clone() };
        for _ in 0..ATTEMPTS {
            // Without locks on this file system the name alone keeps others away. Another run may take the
            // file for a leftover before it is locked; that run goes on, with its own.
            let ours =
                |file: &File| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && is_at(file, &path);
            match temporaries::create(&path, ours) {
                Ok(Some(file)) => return Ok(Claim { file, path, left: false }),
                Ok(None) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if !temporaries::undisturbed(|| remove_leftover(&path)).map_err(Error::io(target))? {
                        return Err(busy());
                    }
                }
                Err(e) => return Err(Error::io(target)(e)),
            }
        }
        Err(busy())
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// The file under the target's name; its own goes, the lock stays until the claim is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] without `force` when something stands there.
    pub fn give_name(&mut self, target: &Path, force: bool) -> io::Result<()> {
        temporaries::leave(&self.path, || {
            if !is_at(&self.file, &self.path) {
                return Err(io::Error::other("its temporary file was replaced by another program"));
            }
            if force { fs::rename(&self.path, target) } else { give_new_name(&self.path, target) }
        })?;
        self.left = true;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.left {
            temporaries::discard(&self.path);
        }
    }
}

/// Removes what a killed run left under the name of a temporary file: the file, and the folder that belongs
/// to it.
pub fn sweep(path: &Path) {
    let claimed = path.with_extension("part");
    // Whoever holds the claim may remove; a claim that is held is no leftover.
    if let Ok(claim) = Claim::take(&claimed, &claimed) {
        temporaries::remove(&temporaries::folder_for(claim.path())).ok();
    }
}

/// Removes a temporary file, unless a run holds it; whether it is gone.
fn remove_leftover(path: &Path) -> io::Result<bool> {
    match kind(path)? {
        None => return Ok(true),
        Some(Kind::File) => {}
        Some(_) => return Ok(false),
    }
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        other => other?,
    };
    // Where locks are not supported nobody can tell, so it stays, and the error names it.
    if file.try_lock().is_err() {
        return Ok(false);
    }
    // It may have been renamed, or made anew, since it was opened.
    if is_at(&file, path) {
        fs::remove_file(path)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_and_leftovers_make_room() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [path, target] = ["part", "target"].map(|name| folder.path().join(name));
        fs::write(&path, "left by a killed run").expect("writes");
        let mut first = Claim::take(&path, &target).expect("a leftover makes room");
        assert_eq!(first.file().metadata().expect("open").len(), 0);
        let busy = Claim::take(&path, &target).err().expect("taken").to_string();
        assert!(busy.contains("another run") && busy.contains("target"), "{busy}");
        assert!(path.exists() && !remove_leftover(&path).expect("looks"));
        drop(first);
        assert!(!path.exists());
        let mut second = Claim::take(&path, &target).expect("free again");
        second.give_name(&target, false).expect("free name");
        let mut third = Claim::take(&path, &target).expect("the name was left");
        drop(second);
        assert!(path.exists() && target.exists(), "what another run made since stays");
        let taken = third.give_name(&target, false).expect_err("stands").kind();
        assert_eq!(taken, io::ErrorKind::AlreadyExists);
        third.give_name(&target, true).expect("replaces");
    }

    #[test]
    fn many_at_once_get_it_in_turn() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("part");
        let held = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Ok(claim) = Claim::take(&path, &path) {
                            assert_eq!(held.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            held.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(claim);
                        }
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
