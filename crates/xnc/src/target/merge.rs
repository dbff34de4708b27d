//! A filled folder into one that stands there already.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::place::{self, folder_of};
use super::tree::{Tree, folders_of, walk};
use super::{claim, same_bytes, temporaries};
use crate::error::{Error, Result};
use crate::kinds::{Kind, kind};

/// What goes where.
pub struct Merge<'a> {
    /// The filled folder, and everything in it.
    pub from: &'a Path,
    pub tree: &'a Tree,
    /// The folder that stands there.
    pub to: &'a Path,
    /// The temporary file of this run, which may lie in it.
    pub claim: &'a Path,
    /// Files of the folder that stands there which its own record tells of, and the new folder has not.
    pub obsolete: &'a [PathBuf],
    pub force: bool,
}

impl Merge<'_> {
    /// The files that have to go into the folder that stands there.
    pub fn moves(&self, record: &Path) -> Result<Vec<PathBuf>> {
        let mut moves = Vec::new();
        for (inside, what) in self.tree {
            let to = self.to.join(inside);
            let there = kind(&to).map_err(Error::io(&to))?;
            match (what, there) {
                (Kind::Folder, None | Some(Kind::Folder)) => {}
                (Kind::Folder, Some(Kind::File)) => {
                    return Err(Error::io(&to)(io::ErrorKind::NotADirectory.into()));
                }
                (_, None) => moves.push(inside.clone()),
                (_, Some(Kind::File)) => {
                    let ours = File::open(self.from.join(inside));
                    if !ours.and_then(|mut ours| same_bytes(&mut ours, &to)).map_err(Error::io(&to))? {
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
        let goes_too = self.force && !moves.is_empty() && self.tree.iter().any(|(file, _)| file == record);
        if changed.is_some() || goes_too {
            moves.push(record.to_owned());
        }
        Ok(moves)
    }

    /// Old folder and new one in one step, when nothing but files of the new one is in the old one. Whoever
    /// stands in the old one would be left in a folder that is gone.
    pub fn change_places(&self) -> io::Result<bool> {
        let elsewhere = self.from.starts_with(self.to);
        let stands_in = std::env::current_dir().is_ok_and(|here| here.starts_with(self.to));
        if !self.force || elsewhere || stands_in {
            return Ok(false);
        }
        let known = |there: &(PathBuf, Kind)| {
            self.tree.binary_search(there).is_ok() || self.obsolete.contains(&there.0)
        };
        if !walk(self.to)?.iter().all(known) {
            return Ok(false);
        }
        if temporaries::while_live(self.from, || exchange(self.from, self.to)).is_err() {
            return Ok(false); // not on this system
        }
        // The old folder, which now has the temporary name, goes when this is dropped.
        place::sync_folder(folder_of(self.to)).map(|()| true)
    }

    pub fn run(&self, moves: &[PathBuf], record: &Path) -> io::Result<()> {
        let folders: Vec<PathBuf> =
            folders_of(self.tree).into_iter().map(|folder| self.to.join(folder)).collect();
        for folder in &folders {
            fs::create_dir_all(folder)?;
            self.sweep(folder);
        }
        // From the innermost on, so that no name comes to the disk before what it names.
        let sync = || folders.iter().rev().try_for_each(|folder| place::sync_folder(folder));
        temporaries::while_live(self.from, || {
            let told = self.to.join(record);
            if self.force && kind(&told)? == Some(Kind::File) {
                fs::remove_file(&told)?;
                place::sync_folder(self.to)?;
                for file in self.obsolete.iter().map(|file| self.to.join(file)) {
                    if kind(&file)? == Some(Kind::File) {
                        fs::remove_file(&file)?;
                    }
                }
            }
            for (number, file) in moves.iter().enumerate() {
                if number + 1 == moves.len() {
                    sync()?;
                }
                let (from, to) = (self.from.join(file), self.to.join(file));
                if self.force { fs::rename(&from, &to)? } else { place::give_new_name(&from, &to)? }
            }
            sync()
        })
    }

    /// Removes what killed runs left in a folder of the target.
    fn sweep(&self, folder: &Path) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if temporaries::is_temporary(&entry.file_name()) && entry.path() != self.claim {
                claim::sweep(&entry.path());
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(folder: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(folder_of(&path)).expect("makes");
            fs::write(path, text).expect("writes");
        }
    }

    fn texts(folder: &Path) -> Vec<(String, String)> {
        let files = walk(folder).expect("lists").into_iter().filter(|(_, kind)| *kind == Kind::File);
        files
            .map(|(path, _)| {
                (path.display().to_string(), fs::read_to_string(folder.join(&path)).expect("reads"))
            })
            .collect()
    }

    #[test]
    fn a_merge_that_fails_half_way_leaves_whole_files_and_no_record() {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let [from, to] = ["from", "to"].map(|name| temporary.path().join(name));
        temporaries::create_folder(&from).expect("makes");
        fill(&from, &[("a", "new"), ("b/c", "new"), ("record", "new"), ("z", "new")]);
        let old = [("a", "old"), ("b/c", "old"), ("gone", "old"), ("mine", "mine")];
        fill(&to, &[&old[..], &[("record", "old"), ("z", "old")]].concat());
        let tree = walk(&from).expect("lists");
        let obsolete = ["gone".into()];
        let (claim, obsolete) = (Path::new("none"), &obsolete[..]);
        let merge = Merge { from: &from, tree: &tree, to: &to, claim, obsolete, force: true };
        let record = Path::new("record");
        let moves = merge.moves(record).expect("nothing is in the way");
        assert_eq!(moves.last().map(PathBuf::as_path), Some(record));
        // Since it was looked at, a folder came to stand in the way of the last file but the record.
        fs::remove_file(to.join("z")).expect("removes");
        fs::create_dir(to.join("z")).expect("makes");
        merge.run(&moves, record).expect_err("in the way");
        let pairs = |all: &[(&str, &str)]| {
            all.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(texts(&to), pairs(&[("a", "new"), ("b/c", "new"), ("mine", "mine")]));
        // Another run completes it, though the files that came first are right by now.
        fs::remove_dir(to.join("z")).expect("removes");
        fill(&from, &[("a", "new"), ("b/c", "new")]);
        let moves = merge.moves(record).expect("nothing is in the way");
        assert_eq!(moves, ["z", "record"].map(PathBuf::from));
        merge.run(&moves, record).expect("moves");
        let whole = [("a", "new"), ("b/c", "new"), ("mine", "mine"), ("record", "new"), ("z", "new")];
        assert_eq!(texts(&to), pairs(&whole));
        temporaries::discard(&from);
        assert!(merge.run(&[], record).is_err(), "what a signal removed is not taken from");
        assert_eq!(texts(&to), pairs(&whole));
    }

    #[test]
    fn only_a_folder_of_the_same_files_is_exchanged() {
        let temporary = tempfile::tempdir().expect("temporary folder");
        let [from, to] = ["from", "to"].map(|name| temporary.path().join(name));
        temporaries::create_folder(&from).expect("makes");
        fill(&from, &[("a", "new"), ("b", "new")]);
        fill(&to, &[("a", "old"), ("mine", "mine")]);
        let tree = walk(&from).expect("lists");
        let claim = Path::new("none");
        let merge = |force| Merge { from: &from, tree: &tree, to: &to, claim, obsolete: &[], force };
        assert!(!merge(true).change_places().expect("looks"), "a file of somebody else is there");
        fs::remove_file(to.join("mine")).expect("removes");
        assert!(!merge(false).change_places().expect("looks"), "only by force");
        if merge(true).change_places().expect("looks") {
            assert_eq!((texts(&to).len(), texts(&from).len()), (2, 1));
        }
        temporaries::discard(&from);
    }
}
