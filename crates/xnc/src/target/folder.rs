//! A folder that appears whole: filled under a temporary name beside its target, then renamed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::claim::Claim;
use super::merge::Merge;
use super::place::{self, folder_of};
use super::temporaries;
use super::tree::{Tree, folders_of, walk};
use crate::error::{Error, Result};
use crate::kinds::{Kind, kind};

/// A folder being filled.
pub struct TargetFolder {
    path: PathBuf,
    source: PathBuf,
    force: bool,
    filled: Filled,
    claim: Claim,
    made: Made,
}

/// The temporary folder; gone when dropped, unless it was renamed.
struct Filled(PathBuf);

impl Drop for Filled {
    fn drop(&mut self) {
        temporaries::discard(&self.0);
    }
}

/// Folders above the target that were made for it, innermost first; gone when dropped, where nothing came to
/// be in them.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        self.0.iter().take_while(|folder| fs::remove_dir(folder).is_ok()).count();
    }
}

impl TargetFolder {
    /// Starts a folder that will become `path`, with the permission bits of `source` and of the folders in
    /// it.
    ///
    /// # Errors
    /// [`Error::SameFile`] when `path` is, or lies in, `source`; [`Error::SpecialFile`] when something else
    /// than a folder stands there; [`Error::Busy`] while another run writes to it; those of making folders.
    pub fn create(path: &Path, source: &Path, force: bool) -> Result<TargetFolder> {
        check_apart(source, path)?;
        let there = match (path.metadata(), kind(path).map_err(Error::io(path))?) {
            (Ok(found), _) if found.is_dir() => Some(path.canonicalize().map_err(Error::io(path))?),
            (_, None) => None,
            (_, Some(Kind::Special(kind))) => {
                return Err(Error::SpecialFile { path: path.to_owned(), kind });
            }
            (_, Some(_)) => return Err(Error::io(path)(io::ErrorKind::NotADirectory.into())),
        };
        let mut made = Made(Vec::new());
        let (path, claim) = match there {
            Some(path) => {
                let claim = claim_of(&path, place::on_one_file_system(&path, folder_of(&path)))?;
                (path, claim)
            }
            None => {
                let path = std::path::absolute(path).map_err(Error::io(path))?;
                make_folders(folder_of(&path), &mut made.0).map_err(Error::io(&path))?;
                let claim = Claim::take(&beside(&path), &path)?;
                (path, claim)
            }
        };
        let filled = temporaries::folder_for(claim.path());
        if kind(&filled).map_err(Error::io(&path))?.is_some() {
            temporaries::remove(&filled).map_err(Error::io(&filled))?;
        }
        temporaries::create_folder(&filled).map_err(Error::io(&path))?;
        Ok(TargetFolder { path, source: source.to_owned(), force, filled: Filled(filled), claim, made })
    }

    /// Where the folder will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the files go until [`TargetFolder::commit`].
    pub fn inside(&self) -> &Path {
        &self.filled.0
    }

    /// Where a file goes until then; the folders that it lies in are made.
    pub fn place(&self, file: &Path) -> Result<PathBuf> {
        let place = self.inside().join(file);
        // Not when a signal's handler has removed the temporary folder: it would be made anew.
        let make = || fs::create_dir_all(folder_of(&place));
        temporaries::while_live(self.inside(), make).map_err(Error::io(&self.path))?;
        Ok(place)
    }

    /// The same error, of the target where it is of the temporary folder, which nobody asked for.
    pub fn blame(&self, error: Error) -> Error {
        let told = |path: PathBuf| match path.strip_prefix(self.inside()) {
            Ok(file) => self.path.join(file),
            Err(_) => path,
        };
        match error {
            Error::Io { path, cause } => Error::Io { path: told(path), cause },
            Error::NoSpace { path, need, have } => Error::NoSpace { path: told(path), need, have },
            other => other,
        }
    }

    /// Gives the folder its name. Where a folder stands already, the files go into it: all or none when a
    /// file there differs and `force` is not set. With it, the two folders change places where the system can
    /// do that and the old one holds nothing else; otherwise the file `record` goes first and comes last, so
    /// that a folder that has it is complete at any moment. Then the files `obsolete` of the old folder go,
    /// too.
    ///
    /// # Errors
    /// [`Error::TargetExists`]; what else stands in the way; those of the system.
    pub fn commit(mut self, record: &Path, obsolete: &[PathBuf]) -> Result<()> {
        let path = self.path.clone();
        let failed = |cause| Error::Io { path: path.clone(), cause };
        let tree = walk(self.inside()).map_err(failed)?;
        self.settle(&tree).map_err(failed)?;
        if kind(&path).map_err(failed)?.is_none() {
            let rename = || fs::rename(self.inside(), &path);
            temporaries::leave(self.inside(), rename).map_err(failed)?;
            let above = self.made.0.iter().map(|folder| folder_of(folder));
            for folder in [folder_of(&path)].into_iter().chain(above) {
                place::sync_folder(folder).map_err(failed)?;
            }
            self.made.0.clear();
            return Ok(());
        }
        let merge = Merge {
            from: self.inside(),
            to: &path,
            claim: self.claim.path(),
            obsolete,
            force: self.force,
            tree: &tree,
        };
        let moves = merge.moves(record)?;
        if moves.is_empty() || merge.change_places().map_err(failed)? {
            return Ok(());
        }
        merge.run(&moves, record).map_err(failed)
    }

    /// Permissions of the source's folders, and every name on the disk.
    fn settle(&self, tree: &Tree) -> io::Result<()> {
        for folder in folders_of(tree).into_iter().rev() {
            let inside = self.inside().join(folder);
            place::sync_folder(&inside)?;
            if let Ok(source) = self.source.join(folder).metadata() {
                place::keep_permissions(&inside, &source.permissions(), 0o700)?;
            }
        }
        Ok(())
    }
}

/// The temporary file beside a folder.
fn beside(path: &Path) -> PathBuf {
    folder_of(path).join(temporaries::name_for(path.file_name().unwrap_or_default()))
}

/// Claims a folder that exists: beside it, or in it where nothing can be made beside it or could not be
/// renamed from there.
fn claim_of(path: &Path, movable: bool) -> Result<Claim> {
    if movable {
        match Claim::take(&beside(path), path) {
            Err(Error::Io { .. }) => {}
            other => return other,
        }
    }
    Claim::take(&path.join(temporaries::name_for(OsStr::new(""))), path)
}

fn make_folders(folder: &Path, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.iter().rev() {
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            other => {
                other?;
                made.insert(0, path.to_path_buf());
            }
        }
    }
    Ok(())
}

/// Refuses a target folder that is, or lies in, the source folder.
fn check_apart(source: &Path, target: &Path) -> Result<()> {
    let target = std::path::absolute(target).map_err(Error::io(target))?;
    // The target need not exist yet; its nearest existing ancestor decides.
    let existing = target.ancestors().find(|path| path.exists()).unwrap_or(&target);
    let existing = existing.canonicalize().map_err(Error::io(&target))?;
    if existing.starts_with(source.canonicalize().map_err(Error::io(source))?) {
        return Err(Error::SameFile { path: target });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_nothing_can_be_made_beside_is_filled_from_inside() {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let [source, target] = ["source", "target"].map(|name| temporary.path().join(name));
        fs::create_dir(&source).expect("makes");
        fs::create_dir(&target).expect("makes");
        let target = target.canonicalize().expect("exists");
        for (force, text, taken) in [(false, "old", true), (false, "new", false), (true, "new", true)] {
            let claim = claim_of(&target, false).expect("free");
            assert!(claim.path().starts_with(&target));
            let busy = claim_of(&target, false).err().expect("taken").to_string();
            assert!(busy.contains("another run"), "{busy}");
            let filled = temporaries::folder_for(claim.path());
            temporaries::create_folder(&filled).expect("makes");
            let (path, source) = (target.clone(), source.clone());
            let made = Made(Vec::new());
            let folder = TargetFolder { path, source, force, filled: Filled(filled), claim, made };
            for name in ["deep/file", "record"] {
                fs::write(folder.place(Path::new(name)).expect("makes"), text).expect("writes");
            }
            assert_eq!(folder.commit(Path::new("record"), &[]).is_ok(), taken, "{text}, force: {force}");
            let there = walk(&target).expect("lists");
            let names: Vec<&str> = there.iter().filter_map(|(path, _)| path.to_str()).collect();
            assert_eq!(names, ["deep", "deep/file", "record"]);
        }
        assert_eq!(fs::read(target.join("deep/file")).expect("reads"), b"new");
    }
}
