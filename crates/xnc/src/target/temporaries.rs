//! The temporary files and folders of this process, so that a signal's handler can remove them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const PREFIX: &str = ".xnc-";
/// Of a file, and of a folder that is being filled.
const SUFFIXES: [&str; 2] = [".part", ".parts"];

/// What exists now. Things come and go under this lock, so that nothing of another run is ever taken for one
/// of this process.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A thread that panicked let go of the lock, and no step between leaves the set half-changed.
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the temporary file for a target of this name: the same in every run, so that one finds what
/// another left.
pub fn name_for(target: &OsStr) -> String {
    let hash = blake3::hash(target.as_encoded_bytes()).to_hex();
    format!("{PREFIX}{}{}", &hash[..16], SUFFIXES[0])
}

/// The folder that belongs to a temporary file.
pub fn folder_for(claimed: &Path) -> PathBuf {
    claimed.with_extension(&SUFFIXES[1][1..])
}

/// Whether a file or folder of this name is temporary: being written by a run, or left by one that was
/// killed.
pub fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && SUFFIXES.iter().any(|suffix| name.ends_with(suffix.as_bytes()))
}

/// Removes every temporary file and folder of this process. What is being written then fails; targets stay as
/// they are. For a thread that waits for signals, before it ends the process; doing it twice is harmless.
pub fn remove_temporaries() {
    let mut live = live();
    // Folders sort before what is in them; from behind, each is empty of what this process knows when its
    // turn comes.
    while let Some(path) = live.pop_last() {
        // Another thread may be making a file in it at this moment.
        for _ in 0..10 {
            if !is_there(&path) || remove(&path).is_ok() {
                break;
            }
        }
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

pub fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Creates a private file that is not there yet; none when `ours` finds that another run has it already.
pub fn create(path: &Path, ours: impl FnOnce(&File) -> bool) -> io::Result<Option<File>> {
    let mut live = live();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    if !ours(&file) {
        return Ok(None);
    }
    live.insert(path.to_owned());
    Ok(Some(file))
}

/// Runs `work`, which takes files out of the folder `path` or makes folders in it, unless that was removed
/// before. A signal's handler waits meanwhile.
pub fn while_live<T>(path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let live = live();
    if !live.contains(path) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    work()
}

/// Runs `work` while no thread of this process makes, renames or removes temporary files.
pub fn undisturbed<T>(work: impl FnOnce() -> T) -> T {
    let _live = live();
    work()
}

/// Creates a private folder that is not there yet.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut live = live();
    #[allow(unused_mut, reason = "other systems have no modes")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    live.insert(path.to_owned());
    Ok(())
}

/// Takes a name away, in the way of `rename`, unless it was removed before.
pub fn leave(path: &Path, rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let mut live = live();
    if !live.contains(path) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    rename()?;
    live.remove(path);
    Ok(())
}

/// Removes one, unless it has left.
pub fn discard(path: &Path) {
    let mut live = live();
    if live.remove(path) {
        remove(path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_again() {
        for target in ["model.safetensors", "", "a b", "ü", &"n".repeat(255)] {
            let name = name_for(OsStr::new(target));
            assert!(is_temporary(OsStr::new(&name)) && name.len() < 32, "{name}");
            assert!(is_temporary(folder_for(Path::new(&name)).as_os_str()));
        }
        assert!(is_temporary(OsStr::new(".xnc-abcdef.part")));
        for other in ["xnc.json", ".xnc-abc", "a.part", ".xnc", "model.xnc.safetensors"] {
            assert!(!is_temporary(OsStr::new(other)), "{other}");
        }
        assert_ne!(name_for(OsStr::new("a")), name_for(OsStr::new("b")));
    }
}
