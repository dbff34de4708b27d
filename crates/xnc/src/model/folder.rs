//! Model folders as hubs hand them out: which files there are, and what the configuration says of tables.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

/// Name of the configuration of a model folder.
const CONFIG: &str = "config.json";
/// Ending of the file that maps tensors to the files of a sharded model.
pub const SHARD_INDEX: &str = ".safetensors.index.json";
/// Configuration keys that count the rows of a table: the vocabulary's, and that of per-layer embeddings (Gemma 3n).
const ROW_COUNTS: [&str; 2] = ["vocab_size", "vocab_size_per_layer_input"];
/// Deeper than any model folder, and an end to circular links.
const MAX_DEPTH: usize = 8;

/// Every file below `folder`, relative to it, sorted; links are followed, as a hub's cache is made of them.
///
/// # Errors
/// Those of reading folders; a folder nested deeper than any model's.
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
        let kind = fs::metadata(entry.path()).map_err(Error::io(&entry.path()))?;
        if kind.is_dir() {
            walk(root, &path, depth + 1, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a file of this name holds tensors.
pub fn is_model_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors" || extension == "gguf")
}

/// The files that `path` stands for: itself, or the model files of a folder.
///
/// # Errors
/// As [`files`]; a folder without model files.
pub fn model_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let inside: Vec<PathBuf> = files(path)?.into_iter().filter(|file| is_model_file(file)).collect();
    if inside.is_empty() {
        return Err(Error::NotAModel { reason: "the folder holds no .safetensors and no .gguf file".into() });
    }
    Ok(inside.iter().map(|file| path.join(file)).collect())
}

/// Numbers of rows that the configuration of a folder gives to tables, of the text model in a model of several. None without a configuration.
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
