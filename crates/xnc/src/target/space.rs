//! Free space, looked up before the work.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Compares the space that the file system of `target` has with `need`, which is what its writer will use, or
/// as much as can be known before the work.
///
/// # Errors
/// [`Error::NoSpace`]. Where the system does not tell, the work starts, and ends when the disk is full.
pub fn check_space(target: &Path, need: u64) -> Result<()> {
    // The target, and folders that it lies in, are still to come.
    let there = std::path::absolute(target).ok();
    let there = there.iter().flat_map(|path| path.ancestors()).find(|path| path.is_dir());
    let Some(folder) = there else { return Ok(()) };
    enough(free(folder), need).map_err(|have| Error::NoSpace { path: target.to_owned(), need, have })
}

fn enough(have: io::Result<u64>, need: u64) -> std::result::Result<(), u64> {
    match have {
        Ok(have) if have < need => Err(have),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn free(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    if found.f_blocks == 0 {
        return Err(io::ErrorKind::Unsupported.into()); // a file system that does not count
    }
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn need_and_have_are_named_when_space_is_short() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let target = folder.path().join("not/yet/there");
        check_space(&target, 1).expect("a byte fits");
        if cfg!(unix) {
            let error = check_space(&target, u64::MAX).expect_err("does not fit").to_string();
            assert!(error.contains("18446744073709551615 bytes") && error.contains("there"), "{error}");
        }
        assert_eq!(enough(Ok(9), 10), Err(9));
        assert_eq!(enough(Ok(10), 10), Ok(()));
        assert_eq!(enough(Err(io::ErrorKind::Unsupported.into()), 10), Ok(()));
    }
}
