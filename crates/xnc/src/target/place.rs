//! Names on the disk: given, synced, and who may read them.

use std::fs::{self, File, Permissions};
use std::io;
use std::path::Path;

use crate::kinds::kind;

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives a file or folder the permission bits of its source and `more`, but none that change who runs it.
/// Elsewhere than on Unix there is but one bit, which would keep what has it from ever being replaced.
#[cfg_attr(not(unix), allow(unused_variables))]
pub fn keep_permissions(path: &Path, source: &Permissions, more: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, Permissions::from_mode(source.mode() & 0o777 | more))?;
    }
    Ok(())
}

/// Whether what stands at one path can be renamed to the other.
#[cfg_attr(not(unix), allow(unused_variables))]
pub fn on_one_file_system(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        matches!((a.metadata(), b.metadata()), (Ok(a), Ok(b)) if a.dev() == b.dev())
    }
    #[cfg(not(unix))]
    true
}

/// Whether an open file is the one that stands at `path` by now. Where files have no number, whether one
/// stands there.
pub fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), path.symlink_metadata()) else { return false };
    same_file(&open, &there)
}

#[cfg(unix)]
fn same_file(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Brings names in a folder to the disk, where the system can.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(()); // a folder is not opened like a file there
    }
    tolerate_unsupported(File::open(folder)?.sync_all())
}

/// Some file systems (FUSE, network shares) have no such thing for folders, which is no failure of theirs.
fn tolerate_unsupported(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(e) if matches!(e.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput) => Ok(()),
        other => other,
    }
}

/// A name for a file that has one, where nothing stands yet: the old name goes.
pub fn give_new_name(from: &Path, to: &Path) -> io::Result<()> {
    give_new_name_with(from, to, |from, to| fs::hard_link(from, to))
}

/// A link fails where something stands, which a rename does not. Where the file system has no links (exFAT,
/// FUSE), looking first has to do; other runs are kept away by the claim.
fn give_new_name_with(
    from: &Path,
    to: &Path,
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    match link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        Err(_) if kind(to)?.is_some() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `link` answers on exFAT and in a container with a strict policy, on old FUSE, across quotas.
    const REFUSALS: [io::ErrorKind; 4] = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::Unsupported,
        io::ErrorKind::Other,
        io::ErrorKind::TooManyLinks,
    ];

    #[test]
    fn a_file_system_without_links_still_takes_and_never_replaces_files() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        for refusal in REFUSALS {
            fs::write(&from, "new").expect("writes");
            give_new_name_with(&from, &to, |_, _| Err(refusal.into())).expect("renames");
            assert!(!from.exists() && fs::read(&to).expect("reads") == b"new", "{refusal}");
            fs::write(&from, "newer").expect("writes");
            let refused = give_new_name_with(&from, &to, |_, _| Err(refusal.into())).expect_err("stands");
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert!(fs::read(&to).expect("reads") == b"new" && from.exists(), "{refusal}");
            fs::remove_file(&to).expect("removes");
        }
        give_new_name(&from, &to).expect("links");
        assert!(!from.exists() && fs::read(&to).expect("reads") == b"newer");
    }

    #[test]
    fn only_a_folder_that_cannot_be_synced_is_tolerated() {
        for kind in [io::ErrorKind::Unsupported, io::ErrorKind::InvalidInput] {
            assert!(tolerate_unsupported(Err(kind.into())).is_ok());
        }
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other, io::ErrorKind::ReadOnlyFilesystem] {
            assert!(tolerate_unsupported(Err(kind.into())).is_err(), "{kind} is reported");
        }
        assert!(sync_folder(Path::new("no such folder")).is_err());
    }
}
