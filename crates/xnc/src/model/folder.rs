//! Model folders as hubs hand them out: which files there are, and what the configuration says of tables.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{gguf, safetensors};
use crate::error::{Error, Result};
use crate::kinds::{Kind, kind_behind};

/// Name of the configuration of a model folder.
const CONFIG: &str = "config.json";
/// How the text begins that Git keeps for a file that lies elsewhere.
const LFS_POINTER: &[u8] = b"version https://git-lfs";
/// Configuration keys that count the rows of a table: the vocabulary's, and that of per-layer embeddings
/// (Gemma 3n).
const ROW_COUNTS: [&str; 2] = ["vocab_size", "vocab_size_per_layer_input"];
/// Deeper than any model folder, and an end to circular links.
const MAX_DEPTH: usize = 8;

/// Every file below `folder`, relative to it, sorted; links are followed, as a hub's cache is made of them.
///
/// # Errors
/// Those of reading folders; a folder nested deeper than any model's; [`Error::SpecialFile`] for a pipe,
/// device or socket in it.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(root: &Path, inside: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let folder = root.join(inside);
    if depth > MAX_DEPTH {
        return Err(Error::NotAModel {
            reason: format!("{} lies too deep for a model folder", folder.display()),
        });
    }
    for entry in fs::read_dir(&folder).map_err(Error::io(&folder))? {
        let entry = entry.map_err(Error::io(&folder))?;
        let path = inside.join(entry.file_name());
        match kind_behind(&root.join(&path))? {
            Kind::Folder => walk(root, &path, depth + 1, found)?,
            Kind::File => found.push(path),
            Kind::Special(kind) => return Err(Error::SpecialFile { path: root.join(path), kind }),
        }
    }
    Ok(())
}

/// Whether a file is named as those that hold tensors are. `._NAME` is what macOS keeps about a file on
/// foreign disks.
pub fn is_named_like_a_model(path: &Path) -> bool {
    let sidecar = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
    !sidecar && path.extension().is_some_and(|extension| extension == "safetensors" || extension == "gguf")
}

/// Whether a file holds tensors, by its name and its first bytes. One that was cut does, and is for its
/// parser to refuse.
///
/// # Errors
/// Those of reading; a Git LFS pointer, which stands for a file that holds them.
pub fn is_model_file(path: &Path) -> Result<bool> {
    if !is_named_like_a_model(path) {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)).map_err(Error::io(path))?;
    if head.starts_with(LFS_POINTER) {
        let reason = "a Git LFS pointer, not the file itself; run `git lfs pull` in its repository".into();
        return Err(Error::NotAModel { reason });
    }
    Ok(head.starts_with(gguf::MAGIC) || safetensors::may_begin(&head))
}

/// Whether a file of this name maps tensors to the files of a sharded model: `model.safetensors.index.json`,
/// and variants as
/// `model.safetensors.index.fp16.json`.
pub fn is_shard_index(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let sidecar = name.is_some_and(|name| name.starts_with("._"));
    let stem = name.and_then(|name| name.strip_suffix(".json"));
    !sidecar
        && stem
            .and_then(|stem| stem.rsplit_once(".safetensors.index"))
            .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with('.'))
}

/// Refuses the folder in which a hub's client keeps all snapshots of a model: every file is in it twice, once
/// as a link.
///
/// # Errors
/// [`Error::NotAModel`], which names the snapshot to take.
pub fn refuse_cache(folder: &Path) -> Result<()> {
    let is_cache = |folder: &Path| folder.join("snapshots").is_dir() && folder.join("blobs").is_dir();
    // The cache of one model, or one level up or down.
    let inside = || folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let above = folder.canonicalize().ok().filter(|path| path.file_name() == Some("snapshots".as_ref()));
    let above = above.and_then(|path| path.parent().map(Path::to_owned));
    let all = [folder.to_owned()].into_iter().chain(above).chain(inside());
    let Some(cache) = all.into_iter().find(|folder| is_cache(folder)) else { return Ok(()) };
    let (folder, snapshots) = (&cache, cache.join("snapshots"));
    let main = fs::read_to_string(folder.join("refs/main")).ok().map(|name| name.trim().to_owned());
    let main = main.filter(|name| !name.is_empty() && !name.contains(['/', '\\']));
    let newest = || {
        let all = snapshots.read_dir().into_iter().flatten().flatten();
        let newest = all.max_by_key(|entry| entry.metadata().and_then(|entry| entry.modified()).ok());
        newest.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let name = main.or_else(newest).unwrap_or_else(|| "REVISION".into());
    let reason = format!(
        "the folder is, or is part of, a hub's cache; take a snapshot in it: {}",
        snapshots.join(name).display()
    );
    Err(Error::NotAModel { reason })
}

/// The files that `path` stands for: itself, or the model files of a folder.
///
/// # Errors
/// Those of reading folders; [`Error::SpecialFile`] for a pipe, device or socket in one; a folder without model
/// files.
pub fn model_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    refuse_cache(path)?;
    let mut inside = Vec::new();
    for file in files(path)? {
        if is_model_file(&path.join(&file)).map_err(|e| Error::in_file(&file, e))? {
            inside.push(file);
        }
    }
    if inside.is_empty() {
        return Err(Error::NotAModel { reason: "the folder holds no .safetensors and no .gguf file".into() });
    }
    Ok(inside.iter().map(|file| path.join(file)).collect())
}

/// Numbers of rows that the configuration of a folder gives to tables, of the text model in a model of
/// several. None without a configuration.
///
/// # Errors
/// A configuration that cannot be read or is no JSON.
pub fn table_rows(folder: &Path) -> Result<Vec<u64>> {
    let path = folder.join(CONFIG);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read(&path).map_err(Error::io(&path))?;
    let config: Value = serde_json::from_slice(&text)
        .map_err(|e| Error::NotAModel { reason: format!("{}: {e}", path.display()) })?;
    let sections = [Some(&config), config.get("text_config"), config.get("llm_config")];
    let counts = sections.into_iter().flatten().flat_map(|section| ROW_COUNTS.map(|key| section.get(key)));
    Ok(counts.flatten().filter_map(Value::as_u64).filter(|&rows| rows > 0).collect())
}
