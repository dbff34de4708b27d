//! A compressed folder to one of the same source under another codec.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::compress::rewrite_index;
use super::{FOLDER_RECORD, FileEntry, FolderRecord, State, check_apart, copy, new_target, record, write};
use crate::container::{Container, recover_kept};
use crate::error::{Error, Result};
use crate::file;
use crate::options::{CompressReport, TranscodeOptions};
use crate::progress::Stage;
use crate::target::remove_leftovers;

/// Transcodes the compressed files, rewrites the shard index for them, copies the rest; the record comes last, as in compressing.
pub(crate) fn transcode(
    source: &Path,
    target: &Path,
    options: &TranscodeOptions<'_>,
) -> Result<CompressReport> {
    let old = FolderRecord::read(source)?;
    check_apart(source, target)?;
    fs::create_dir_all(target).map_err(Error::io(target))?;
    remove_leftovers(target);
    let mut report =
        CompressReport { source_bytes: 0, output_bytes: None, tensors: Vec::new(), nothing: None };
    let mut entries: BTreeMap<String, FileEntry> = BTreeMap::new();
    let (mut compressed, mut output_bytes) = (Vec::new(), 0);
    for (path, entry) in old.entries()?.into_iter().filter(|(_, e)| matches!(e.state, State::Compressed)) {
        let (from, to) = (source.join(&path), target.join(&path));
        let in_file = |e| Error::in_file(&path, e);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        let one = file::transcode(&from, &to, options).map_err(in_file)?;
        report.tensors.extend(one.tensors);
        let mut entry = entry.clone();
        if let Some(bytes) = one.output_bytes {
            output_bytes += bytes;
            compressed.push(path.clone());
        } else {
            // Nothing in it shrinks under this codec: the source's own file.
            let mut plain = new_target(&to, &from, options.force)?;
            file::restore_into(&Container::open(&from)?, plain.file(), &options.progress).map_err(in_file)?;
            plain.commit()?;
            output_bytes += entry.size;
            entry.state = State::Copied;
        }
        entries.insert(super::record_name(&path)?, entry);
    }
    let copied = |state: &State| matches!(state, State::Copied);
    let total = old.files.values().filter(|entry| copied(&entry.state)).map(|entry| entry.size).sum();
    let mut steps = options.progress.stage(Stage::Copy, total);
    for (path, entry) in old.entries()? {
        let (from, to) = (source.join(&path), target.join(&path));
        match &entry.state {
            State::Compressed => continue,
            State::Copied => {
                let (size, sha256) = copy(&from, &to, options.force, |bytes| steps.add(bytes))?;
                if (size, &sha256) != (entry.size, &entry.sha256) {
                    let what = format!("its SHA-256 is not {}, which the source had", entry.sha256);
                    return Err(Error::in_file(&path, Error::corrupt(what)));
                }
                output_bytes += size;
            }
            State::Rewritten { source } => {
                let text = rewrite_index(&recover_kept(source)?, target, &path, &compressed)?;
                write(&to, &from, options.force, &text)?;
                output_bytes += text.len() as u64;
            }
        }
        entries.insert(super::record_name(&path)?, entry.clone());
    }
    report.source_bytes = entries.values().map(|entry| entry.size).sum();
    let record = record(entries);
    write(&target.join(FOLDER_RECORD), &source.join(FOLDER_RECORD), options.force, &record)?;
    report.output_bytes = Some(output_bytes + record.len() as u64);
    Ok(report)
}
