//! A model folder into a folder of compressed and copied files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{FOLDER_RECORD, FileEntry, State, check_apart, copy, record, record_name, write};
use crate::container::{Container, FILE_RECORD, kept};
use crate::error::{Error, Result};
use crate::file;
use crate::model::folder::{self, SHARD_INDEX};
use crate::model::role::Selection;
use crate::model::{Element, role};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::Stage;
use crate::target::remove_leftovers;

/// Compresses the files of `source` that hold tables, rewrites the shard index, copies the rest. An interrupted run is completed by
/// running it again: whole files are found to be there, and the record comes last.
pub(crate) fn compress(
    source: &Path,
    target: &Path,
    options: &CompressOptions<'_>,
) -> Result<CompressReport> {
    if source.join(FOLDER_RECORD).exists() {
        return Err(Error::AlreadyCompressed { name: FOLDER_RECORD.into() });
    }
    check_apart(source, target)?;
    let files = folder::files(source)?;
    let table_rows = folder::table_rows(source)?;
    let (models, others): (Vec<PathBuf>, Vec<PathBuf>) =
        files.into_iter().partition(|file| folder::is_model_file(file));
    if models.is_empty() {
        return Err(Error::NotAModel { reason: "the folder holds no .safetensors and no .gguf file".into() });
    }
    let selections = split_selection(source, &models, &options.selection)?;

    let made = !target.exists();
    fs::create_dir_all(target).map_err(Error::io(target))?;
    remove_leftovers(target);
    let mut report =
        CompressReport { source_bytes: 0, output_bytes: None, tensors: Vec::new(), nothing: None };
    let mut reasons = Vec::new();
    let mut output_bytes = 0;
    let (mut compressed, mut plain) = (Vec::new(), others);
    for (path, selection) in models.into_iter().zip(selections) {
        let Some(selection) = selection else {
            plain.push(path);
            continue;
        };
        let options = CompressOptions { selection, ..*options };
        let to = target.join(&path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let one = file::compress(&source.join(&path), &to, &options, &table_rows)
            .map_err(|e| Error::in_file(&path, e))?;
        report.tensors.extend(one.tensors);
        match one.output_bytes {
            Some(bytes) => {
                report.source_bytes += one.source_bytes;
                output_bytes += bytes;
                compressed.push(path);
            }
            None => {
                reasons.extend(one.nothing);
                plain.push(path);
            }
        }
    }
    if compressed.is_empty() {
        if made {
            fs::remove_dir_all(target).map_err(Error::io(target))?;
        }
        reasons.dedup();
        report.source_bytes =
            plain.iter().filter_map(|file| fs::metadata(source.join(file)).ok()).map(|m| m.len()).sum();
        report.nothing =
            Some(reasons.first().cloned().unwrap_or_else(|| "no file in the folder holds a table".into()));
        return Ok(report);
    }

    let mut entries = BTreeMap::new();
    for file in &compressed {
        let container = Container::open(&target.join(file))?;
        let record = container.record()?;
        let entry = FileEntry { size: record.size, sha256: record.sha256.clone(), state: State::Compressed };
        entries.insert(record_name(file)?, entry);
    }
    let total = plain.iter().filter_map(|file| fs::metadata(source.join(file)).ok()).map(|m| m.len()).sum();
    let mut steps = options.progress.stage(Stage::Copy, total);
    for file in plain {
        let (from, to) = (source.join(&file), target.join(&file));
        let entry = if record_name(&file)?.ends_with(SHARD_INDEX) {
            let text = fs::read(&from).map_err(Error::io(&from))?;
            let rewritten = rewrite_index(&text, target, &file, &compressed)?;
            write(&to, &from, options.force, &rewritten)?;
            output_bytes += rewritten.len() as u64;
            let (size, sha256) = super::pass(&from, &mut std::io::sink(), |bytes| steps.add(bytes))?;
            FileEntry { size, sha256, state: State::Rewritten { source: vec![kept(&text)] } }
        } else {
            let (size, sha256) = copy(&from, &to, options.force, |bytes| steps.add(bytes))?;
            output_bytes += size;
            FileEntry { size, sha256, state: State::Copied }
        };
        report.source_bytes += entry.size;
        entries.insert(record_name(&file)?, entry);
    }
    let record = record(entries);
    write(&target.join(FOLDER_RECORD), &source.join(FOLDER_RECORD), options.force, &record)?;
    report.output_bytes = Some(output_bytes + record.len() as u64);
    Ok(report)
}

/// What to select in each file, none for a file without anything. Names are looked for in all files, and must be in one.
fn split_selection(
    source: &Path,
    models: &[PathBuf],
    selection: &Selection,
) -> Result<Vec<Option<Selection>>> {
    let Selection::Named(names) = selection else {
        return Ok(models.iter().map(|_| Some(selection.clone())).collect());
    };
    let mut missing: Vec<&String> = names.iter().collect();
    let mut split = Vec::new();
    let mut available = Vec::new();
    for file in models {
        let container = Container::open(&source.join(file)).map_err(|e| Error::in_file(file, e))?;
        let here: Vec<String> = names
            .iter()
            .filter(|name| role::has(container.layout(), name, Element::WORDS))
            .cloned()
            .collect();
        missing.retain(|name| !here.contains(name));
        available.extend(container.table_names().iter().take(12).map(|&name| name.to_owned()));
        split.push((!here.is_empty()).then_some(Selection::Named(here)));
    }
    match missing.first() {
        Some(&name) => Err(Error::TensorNotFound { name: name.clone(), available: available.join(", ") }),
        None => Ok(split),
    }
}

/// The index of a sharded model with the companions of its compressed shards, and their size. The record of a shard is not
/// listed, as every shard has one of the same name.
pub(super) fn rewrite_index(
    text: &[u8],
    target: &Path,
    index: &Path,
    compressed: &[PathBuf],
) -> Result<Vec<u8>> {
    let malformed = |what: &str| Error::NotAModel { reason: format!("{}: {what}", index.display()) };
    let mut json: Value = serde_json::from_slice(text).map_err(|e| malformed(&e.to_string()))?;
    let folder = index.parent().unwrap_or(Path::new(""));
    let map = json
        .get_mut("weight_map")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| malformed("no weight_map"))?;
    let mut change = 0;
    for shard in compressed.iter().filter(|shard| shard.parent() == Some(folder)) {
        let container = Container::open(&target.join(shard))?;
        let name = shard.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !map.values().any(|file| file.as_str() == Some(&name)) {
            continue; // not a shard of this model
        }
        for tensor in container.layout().tensors() {
            if tensor.name != FILE_RECORD {
                map.insert(tensor.name.clone(), name.clone().into());
            }
            change += tensor.bytes() as i64;
        }
        let source = crate::model::Layout::parse(&container.outside()?, container.record()?.size)?;
        change -= source.tensors().iter().map(|tensor| tensor.bytes() as i64).sum::<i64>();
    }
    if let Some(total) = json.get_mut("metadata").and_then(|metadata| metadata.get_mut("total_size"))
        && let Some(bytes) = total.as_i64()
    {
        *total = (bytes + change).into();
    }
    let mut out = serde_json::to_vec_pretty(&json).map_err(|e| malformed(&e.to_string()))?;
    out.push(b'\n');
    Ok(out)
}
