//! Model folders: every file is compressed, rewritten or copied, and `xnc.json` records which.
//! `spec/container.md`, section 8.

mod build;
mod compress;
mod index;
mod names;
mod restore;
mod transcode;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use compress::compress;
pub(crate) use restore::{restore, verify};
pub(crate) use transcode::transcode;

use crate::container::{Piece, recover_kept};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::kinds::{Kind, kind_behind};
use crate::model::folder::is_named_like_a_model;
use index::ShardIndex;

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
#[serde(try_from = "Map<String, Value>")]
struct FileEntry {
    size: u64,
    /// SHA-256 of the source's file, hexadecimal.
    sha256: String,
    #[serde(flatten)]
    state: State,
}

/// What stands in its place.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum State {
    /// A compressed file.
    Compressed,
    /// The same bytes.
    Copied,
    /// Another text that belongs to the compressed files; the source's is kept here.
    Rewritten { source: Vec<Piece> },
}

/// The members of an entry as they stand.
#[derive(Deserialize)]
struct Members {
    size: u64,
    sha256: String,
    state: String,
    source: Option<Vec<Piece>>,
}

impl TryFrom<Map<String, Value>> for FileEntry {
    type Error = String;

    fn try_from(members: Map<String, Value>) -> std::result::Result<FileEntry, String> {
        let Members { size, sha256, state, source } =
            Members::deserialize(Value::Object(members)).map_err(|e| e.to_string())?;
        let state = match (state.as_str(), source) {
            ("compressed", None) => State::Compressed,
            ("copied", None) => State::Copied,
            ("rewritten", Some(source)) => State::Rewritten { source },
            _ => return Err(format!("a file that is {state}, or such a one with the source's bytes")),
        };
        Ok(FileEntry { size, sha256, state })
    }
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
        self.files.iter().map(|(name, entry)| Ok((names::to_path(name)?, entry))).collect()
    }

    /// What to say of each shard index of the source that names files which the source had not.
    fn missing_shards(&self) -> Result<Vec<String>> {
        let mut said = Vec::new();
        for (path, entry) in self.entries()? {
            if let State::Rewritten { source } = &entry.state
                && let Some(index) = ShardIndex::parse(&recover_kept(source)?)
            {
                let has =
                    |shard: &Path| names::from_path(shard).is_ok_and(|name| self.files.contains_key(&name));
                said.extend(index.missing(&path, has));
            }
        }
        Ok(said)
    }

    /// Size of the source.
    fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }
}

/// Reads a file in parts, hands them on, and returns size and SHA-256.
fn pass(path: &Path, out: &mut (dyn Write + Send), mut advance: impl FnMut(u64)) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let (mut digest, mut size) = (Sha256::default(), 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer).map_err(Error::io(path))?;
        if n == 0 {
            return Ok((size, digest.finish()));
        }
        let (written, ()) = rayon::join(|| out.write_all(&buffer[..n]), || digest.update(&buffer[..n]));
        written.map_err(|cause| Error::Write { cause })?;
        size += n as u64;
        advance(n as u64);
    }
}

/// Whether a copied file may differ from what it was: somebody edits texts, and nothing else depends on them.
/// A file of tensors, or any that is no text, is damaged instead. One that is gone may be.
fn may_change(entry: &FileEntry, path: &Path) -> bool {
    let mut head = Vec::new();
    if !matches!(kind_behind(path), Ok(Kind::File)) {
        return matches!(entry.state, State::Copied) && !is_named_like_a_model(path);
    }
    let read = File::open(path).and_then(|file| file.take(8192).read_to_end(&mut head));
    let is_text = read.is_err() || !head.contains(&0);
    matches!(entry.state, State::Copied) && !is_named_like_a_model(path) && is_text
}

/// What to say of a file that came along as it is now.
fn edited(file: &Path) -> String {
    format!("{} is not what it was when the folder was compressed; it comes as it is now", file.display())
}
