//! A folder that appears whole: filled under a temporary name beside its target, then renamed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{self, Claim};
use super::place::{self, folder_of};
use super::{same_bytes, temporaries};
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

/// Folders above the target that were made for it, innermost first; gone when dropped, where nothing came to be in them.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        self.0.iter().take_while(|folder| fs::remove_dir(folder).is_ok()).count();
    }
}

impl TargetFolder {
    /// Starts a folder that will become `path`, with the permission bits of `source` and of the folders in it.
    ///
    /// # Errors
    /// [`Error::SameFile`] when `path` is, or lies in, `source`; [`Error::SpecialFile`] when something else than a folder stands there;
    /// [`Error::Busy`] while another run writes to it; those of making folders.
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
                let claim = claim_of(&path)?;
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

    /// Where the files go until [`TargetFolder::commit`].
    pub fn inside(&self) -> &Path {
        &self.filled.0
    }

    /// Where a file goes until then; the folders that it lies in are made.
    pub fn place(&self, file: &Path) -> Result<PathBuf> {
        let place = self.inside().join(file);
        fs::create_dir_all(folder_of(&place)).map_err(Error::io(&self.path))?;
        Ok(place)
    }

    /// Gives the folder its name. Where a folder stands already, the files go into it: all or none when a file there differs and `force`
    /// is not set. With it, the two folders change places where the system can do that and the old one holds nothing else; otherwise
    /// the file `record` goes first and comes last, so that a folder that has it is complete at any moment.
    ///
    /// # Errors
    /// [`Error::TargetExists`]; what else stands in the way; those of the system.
    pub fn commit(mut self, record: &Path) -> Result<()> {
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
        let moves = self.moves(&tree, record)?;
        if moves.is_empty() || self.change_places(&tree).map_err(failed)? {
            return Ok(());
        }
        self.merge(&tree, &moves, record).map_err(failed)
    }

    /// Permissions of the source's folders, and every name on the disk.
    fn settle(&self, tree: &[(PathBuf, Kind)]) -> io::Result<()> {
        let folders = tree.iter().filter(|(_, kind)| *kind == Kind::Folder).map(|(path, _)| path.as_path());
        for folder in folders.chain([Path::new("")]) {
            let inside = self.inside().join(folder);
            place::sync_folder(&inside)?;
            if let Ok(source) = self.source.join(folder).metadata() {
                place::keep_permissions(&inside, &source.permissions(), 0o700)?;
            }
        }
        Ok(())
    }

    /// The files that have to go into the folder that stands there.
    fn moves(&self, tree: &[(PathBuf, Kind)], record: &Path) -> Result<Vec<PathBuf>> {
        let mut moves = Vec::new();
        for (inside, what) in tree {
            let to = self.path.join(inside);
            let there = kind(&to).map_err(Error::io(&to))?;
            match (what, there) {
                (Kind::Folder, None | Some(Kind::Folder)) => {}
                (Kind::Folder, Some(Kind::File)) => {
                    return Err(Error::io(&to)(io::ErrorKind::NotADirectory.into()));
                }
                (_, None) => moves.push(inside.clone()),
                (_, Some(Kind::File)) => {
                    if !same_bytes(&self.inside().join(inside), &to).map_err(Error::io(&to))? {
                        if !self.force {
                            return Err(Error::TargetExists { path: to });
                        }
                        moves.push(inside.clone());
                    }
                }
                (_, Some(Kind::Folder)) => return Err(Error::io(&to)(io::ErrorKind::IsADirectory.into())),
                (_, Some(Kind::Special(kind))) => return Err(Error::SpecialFile { path: to, kind }),
            }
        }
        // The record is last. One that is right already stays, unless others are replaced under it.
        let changed = moves.iter().position(|file| file == record).map(|at| moves.remove(at));
        let goes_too = self.force && !moves.is_empty() && tree.iter().any(|(file, _)| file == record);
        if changed.is_some() || goes_too {
            moves.push(record.to_owned());
        }
        Ok(moves)
    }

    /// Old folder and new one in one step, when nothing but files of the new one is in the old one. Whoever stands in the old one would be
    /// left in a folder that is gone.
    fn change_places(&self, tree: &[(PathBuf, Kind)]) -> io::Result<bool> {
        let elsewhere = self.inside().starts_with(&self.path);
        let stands_in = std::env::current_dir().is_ok_and(|here| here.starts_with(&self.path));
        if !self.force || elsewhere || stands_in {
            return Ok(false);
        }
        if walk(&self.path)?.iter().any(|there| tree.binary_search(there).is_err()) {
            return Ok(false);
        }
        if temporaries::while_live(self.inside(), || exchange(self.inside(), &self.path)).is_err() {
            return Ok(false); // not on this system
        }
        // The old folder, which now has the temporary name, goes when this is dropped.
        place::sync_folder(folder_of(&self.path)).map(|()| true)
    }

    fn merge(&self, tree: &[(PathBuf, Kind)], moves: &[PathBuf], record: &Path) -> io::Result<()> {
        let folders = tree.iter().filter(|(_, kind)| *kind == Kind::Folder).map(|(path, _)| path.as_path());
        let folders: Vec<PathBuf> =
            [Path::new("")].into_iter().chain(folders).map(|folder| self.path.join(folder)).collect();
        for folder in &folders {
            fs::create_dir_all(folder)?;
            self.sweep(folder);
        }
        // From the innermost on, so that no name comes to the disk before what it names.
        let sync = || folders.iter().rev().try_for_each(|folder| place::sync_folder(folder));
        temporaries::while_live(self.inside(), || {
            let told = self.path.join(record);
            if self.force && kind(&told)? == Some(Kind::File) {
                fs::remove_file(&told)?;
                place::sync_folder(&self.path)?;
            }
            for (number, file) in moves.iter().enumerate() {
                if number + 1 == moves.len() {
                    sync()?;
                }
                let (from, to) = (self.inside().join(file), self.path.join(file));
                if self.force { fs::rename(&from, &to)? } else { place::give_new_name(&from, &to)? }
            }
            sync()
        })
    }

    /// Removes what killed runs left in a folder of the target.
    fn sweep(&self, folder: &Path) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if temporaries::is_temporary(&entry.file_name()) && entry.path() != self.claim.path() {
                claim::sweep(&entry.path());
            }
        }
    }
}

/// The temporary file beside a folder.
fn beside(path: &Path) -> PathBuf {
    folder_of(path).join(temporaries::name_for(path.file_name().unwrap_or_default()))
}

/// Claims a folder that exists: beside it, or in it where nothing can be made beside it or could not be renamed from there.
fn claim_of(path: &Path) -> Result<Claim> {
    if place::on_one_file_system(path, folder_of(path)) {
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

/// Everything below a folder with its kind, sorted by path; links are not followed.
fn walk(root: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let path = folder.join(entry?.file_name());
            let Some(what) = kind(&root.join(&path))? else { continue };
            if what == Kind::Folder {
                open.push(path.clone());
            }
            found.push((path, what));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
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
