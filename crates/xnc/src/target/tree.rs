//! Everything below a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::kinds::{Kind, kind};

/// Paths with their kinds, sorted, so that a folder stands before what is in it.
pub type Tree = [(PathBuf, Kind)];

/// The folders in it, the outermost, which is the empty path, first.
pub fn folders_of(tree: &Tree) -> Vec<&Path> {
    let inner = tree.iter().filter(|(_, kind)| *kind == Kind::Folder).map(|(path, _)| path.as_path());
    [Path::new("")].into_iter().chain(inner).collect()
}

/// Everything below a folder with its kind, sorted by path; links are not followed.
pub fn walk(root: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
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
