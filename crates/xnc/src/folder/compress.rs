//! A model folder into a folder of compressed and copied files.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::{Build, bytes_of};
use super::{FOLDER_RECORD, names};
use crate::container::Container;
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::file;
use crate::model::folder::{self, is_shard_index};
use crate::model::role::{self, Selection};
use crate::options::{CompressOptions, CompressReport};
use crate::progress::Stage;
use crate::target::is_temporary;

/// Compresses the files of `source` that hold tables, rewrites the shard indexes, copies the rest.
pub(crate) fn compress(
    source: &Path,
    target: &Path,
    options: &CompressOptions<'_>,
) -> Result<CompressReport> {
    if source.join(FOLDER_RECORD).exists() {
        return Err(Error::AlreadyCompressed { name: FOLDER_RECORD.into() });
    }
    folder::refuse_cache(source)?;
    let found = look_through(source)?;
    let (models, others) = (bytes_of(source, &found.models), bytes_of(source, &found.others));
    let bytes = models + others;
    let selections = split_selection(source, &found.models, &options.selection)?;
    let mut build = Build::new(source, target, options.force, others + models / 4)?;
    match fill(&mut build, found, selections, options) {
        Ok(None) => build.finish(true),
        Ok(nothing) => Ok(CompressReport { source_bytes: bytes, nothing, ..build.report }),
        Err(error) => Err(build.blame(error)),
    }
}

/// Brings every file to the folder; or says why there is nothing to compress.
fn fill(
    build: &mut Build<'_>,
    Found { models, others, warnings }: Found,
    selections: Vec<Option<Selection>>,
    options: &CompressOptions<'_>,
) -> Result<Option<String>> {
    let source = build.source();
    let table_rows = folder::table_rows(source)?;
    build.report.warnings = warnings;
    let (mut plain, mut reasons, mut before) = (others, Vec::new(), Vec::new());
    for (path, selection) in models.into_iter().zip(selections) {
        let Some(selection) = selection else {
            plain.push(path);
            continue;
        };
        let options = CompressOptions { selection, force: false, ..options.clone() };
        match file::compress(&source.join(&path), &build.place(&path)?, &options, &table_rows) {
            Ok(one) => {
                build.report.tensors.extend(one.tensors);
                match one.output_bytes {
                    Some(_) => build.compressed(path)?,
                    None => {
                        reasons.extend(one.nothing);
                        plain.push(path);
                    }
                }
            }
            // What an earlier run made of a neighbour is a file like any other.
            Err(Error::AlreadyCompressed { name }) => before.push((path, name)),
            Err(other) => return Err(Error::in_file(&path, other)),
        }
    }
    if build.is_plain() {
        if let Some((path, name)) = before.pop() {
            return Err(Error::in_file(&path, Error::AlreadyCompressed { name }));
        }
        let reason = reasons.into_iter().next();
        return Ok(Some(reason.unwrap_or_else(|| "no file in the folder holds a table".into())));
    }

    for (path, name) in before {
        let told = format!("{} is compressed already (it holds `{name}`); it is copied", path.display());
        build.report.warnings.push(told);
        plain.push(path);
    }
    let mut steps = options.progress.stage(Stage::Copy, bytes_of(source, &plain));
    for path in plain {
        if is_shard_index(&path) {
            let text = fs::read(source.join(&path)).map_err(Error::io(&source.join(&path)))?;
            if build.index(&path, &text, (text.len() as u64, Sha256::of(&text)))? {
                steps.add(text.len() as u64);
                continue;
            }
            build.report.warnings.push(format!("{} maps no tensors; it is copied", path.display()));
        }
        build.copy(&path, None, &mut steps)?;
    }
    Ok(None)
}

/// The files of a folder.
struct Found {
    models: Vec<PathBuf>,
    others: Vec<PathBuf>,
    warnings: Vec<String>,
}

/// Lists the files and refuses what could not be recorded, all before any work.
fn look_through(source: &Path) -> Result<Found> {
    let mut found = Found { models: Vec::new(), others: Vec::new(), warnings: Vec::new() };
    for file in folder::files(source)? {
        if file.iter().any(is_temporary) {
            let told = format!("{} is what an interrupted run left; it is skipped", file.display());
            found.warnings.push(told);
            continue;
        }
        names::from_path(&file)?;
        if folder::is_model_file(&source.join(&file)).map_err(|e| Error::in_file(&file, e))? {
            found.models.push(file);
            continue;
        }
        if folder::is_named_like_a_model(&file) {
            let told = format!("{} holds no tensors in spite of its name; it is copied", file.display());
            found.warnings.push(told);
        }
        found.others.push(file);
    }
    if found.models.is_empty() {
        return Err(Error::NotAModel { reason: "the folder holds no .safetensors and no .gguf file".into() });
    }
    Ok(found)
}

/// What to select in each file, none for a file without anything. Names are looked for in all files, and must
/// be in one.
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
        let here: Vec<String> =
            names.iter().filter(|name| role::has(container.layout(), name)).cloned().collect();
        missing.retain(|name| !here.contains(name));
        available.extend(container.table_names().into_iter().map(str::to_owned));
        split.push((!here.is_empty()).then_some(Selection::Named(here)));
    }
    match missing.first() {
        Some(&name) => Err(Error::TensorNotFound { name: name.clone(), available }),
        None => Ok(split),
    }
}
