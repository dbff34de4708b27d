//! Model folders: every file is compressed, rewritten or copied, and `xnc.json` records which. `spec/container.md`, section 8.

mod compress;
mod restore;
mod transcode;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use compress::compress;
pub(crate) use restore::{restore, verify};
pub(crate) use transcode::transcode;

use crate::container::{Piece, VERSION};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::target::Target;

/// Name of the folder's record. It is written last, so a folder that has it is complete.
pub const FOLDER_RECORD: &str = "xnc.json";

/// What became of the files of a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FolderRecord {
    version: String,
    /// By path inside the folder, `/` between names.
    files: BTreeMap<String, FileEntry>,
}

/// One file of the source folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FileEntry {
    size: u64,
    /// SHA-256 of the source's file, hexadecimal.
    sha256: String,
    #[serde(flatten)]
    state: State,
}

/// What stands in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum State {
    /// A compressed file.
    Compressed,
    /// The same bytes.
    Copied,
    /// Another text that belongs to the compressed files; the source's is kept here.
    Rewritten { source: Vec<Piece> },
}

impl FolderRecord {
    fn read(folder: &Path) -> Result<FolderRecord> {
        let path = folder.join(FOLDER_RECORD);
        if !path.exists() {
            let reason =
                format!("the folder has no `{FOLDER_RECORD}`; if compressing was interrupted, run it again");
            return Err(Error::NotCompressed { reason });
        }
        let text = fs::read(&path).map_err(Error::io(&path))?;
        crate::container::read_record(FOLDER_RECORD, &text)
    }

    /// The files with their places inside the folder.
    ///
    /// # Errors
    /// A name that would lead out of the folder.
    fn entries(&self) -> Result<Vec<(PathBuf, &FileEntry)>> {
        self.files
            .iter()
            .map(|(name, entry)| {
                let safe = name
                    .split('/')
                    .all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']));
                if safe {
                    Ok((PathBuf::from(name), entry))
                } else {
                    Err(Error::corrupt(format!("file name `{name}` in {FOLDER_RECORD}")))
                }
            })
            .collect()
    }
}

/// A relative path as the record spells it.
fn record_name(path: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let name = parts.map(|parts| parts.join("/"));
    name.ok_or_else(|| Error::NotAModel { reason: format!("file name {} is not UTF-8", path.display()) })
}

/// Reads a file in parts, hands them on, and returns size and SHA-256.
fn pass(path: &Path, out: &mut dyn Write, mut advance: impl FnMut(u64)) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut digest, mut size) = (Sha256::default(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(Error::io(path))?;
        if n == 0 {
            return Ok((size, digest.finish()));
        }
        digest.update(&buffer[..n]);
        size += n as u64;
        out.write_all(&buffer[..n]).map_err(Error::io(path))?;
        advance(n as u64);
    }
}

/// Copies a file to a target that appears whole; gives size and SHA-256.
fn copy(source: &Path, target: &Path, force: bool, advance: impl FnMut(u64)) -> Result<(u64, String)> {
    let mut copy = new_target(target, source, force)?;
    let passed = pass(source, copy.file(), advance)?;
    copy.commit()?;
    Ok(passed)
}

/// A target whose folder is made where it is missing.
fn new_target(target: &Path, source: &Path, force: bool) -> Result<Target> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
    }
    Target::create(target, source, force)
}

/// Writes a small file that appears whole.
fn write(target: &Path, source: &Path, force: bool, bytes: &[u8]) -> Result<()> {
    let mut file = new_target(target, source, force)?;
    file.file().write_all(bytes).map_err(Error::io(target))?;
    file.commit()
}

fn is_inside(inner: &Path, outer: &Path) -> io::Result<bool> {
    // The target need not exist yet; its nearest existing ancestor decides.
    let existing = inner.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    Ok(existing.canonicalize()?.starts_with(outer.canonicalize()?))
}

/// Refuses a target folder that is, or lies in, the source folder.
fn check_apart(source: &Path, target: &Path) -> Result<()> {
    if is_inside(target, source).map_err(Error::io(target))? {
        return Err(Error::SameFile { path: target.to_owned() });
    }
    Ok(())
}

fn record(files: BTreeMap<String, FileEntry>) -> Vec<u8> {
    crate::container::seal(&FolderRecord { version: VERSION.into(), files })
}
