//! A compressed folder back to every byte of every file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{FOLDER_RECORD, FileEntry, FolderRecord, State, edited, may_change, pass};
use crate::container::{Container, recover_kept};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::file::restore_into;
use crate::kinds::{kind, source_is_folder};
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage};
use crate::target::{Target, TargetFolder, check_space};

pub(crate) fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let record = FolderRecord::read(source)?;
    check_space(target, record.bytes())?;
    let folder = TargetFolder::create(target, source, options.force)?;
    let restored = run(source, &record, Some(&folder), &options.progress);
    let (mut report, changed) = restored.map_err(|error| folder.blame(error))?;
    report.warnings.extend(changed.iter().map(|file| match kind(&source.join(file)) {
        Ok(None) => format!("{} is gone since the folder was compressed", file.display()),
        _ => edited(file),
    }));
    folder.commit(Path::new(FOLDER_RECORD), &[])?;
    Ok(report)
}

pub(crate) fn verify(source: &Path, progress: &Progress<'_>) -> Result<RestoreReport> {
    let (report, changed) = run(source, &FolderRecord::read(source)?, None, progress)?;
    if changed.is_empty() { Ok(report) } else { Err(Error::Edited { files: changed }) }
}

/// Goes through all files of the record; without a target it only checks. Gives the files that hold no
/// tensors and are not any more what they were, too: somebody may have edited them, and nothing else depends
/// on them.
fn run(
    source: &Path,
    record: &FolderRecord,
    target: Option<&TargetFolder>,
    progress: &Progress<'_>,
) -> Result<(RestoreReport, Vec<PathBuf>)> {
    let warnings = record.missing_shards()?;
    let mut report = RestoreReport { bytes: 0, sha256: None, tensors: 0, files: 0, warnings };
    let mut changed = Vec::new();
    for (file, entry) in record.entries()? {
        let from = source.join(&file);
        let in_file = |error| Error::in_file(&file, error);
        let may_change = may_change(entry, &from);
        if may_change && matches!(kind(&from), Ok(None)) {
            changed.push(file);
            continue;
        }
        let found = match target {
            Some(folder) => {
                let to = folder.place(&file)?;
                let mut out = Target::create(&to, &from, false)?;
                let found = restore_file(&from, entry, out.file(), progress);
                let found = found.map_err(Target::blame(&to)).map_err(in_file)?;
                if found.is_source || may_change {
                    out.commit()?;
                }
                found
            }
            None => restore_file(&from, entry, &mut io::sink(), progress).map_err(in_file)?,
        };
        if !found.is_source {
            if !may_change {
                let what = format!("its SHA-256 is not {}, which the source had", entry.sha256);
                return Err(in_file(Error::corrupt(what)));
            }
            changed.push(file);
        }
        report.tensors += found.tensors;
        report.bytes += found.bytes;
        report.files += 1;
    }
    Ok((report, changed))
}

/// What came out of one file.
struct Found {
    tensors: usize,
    bytes: u64,
    /// Size and SHA-256 are those of the record.
    is_source: bool,
}

/// Writes the source's bytes of one file.
fn restore_file(
    from: &Path,
    entry: &FileEntry,
    out: &mut (dyn Write + Send),
    progress: &Progress<'_>,
) -> Result<Found> {
    let (tensors, bytes, digest) = match &entry.state {
        State::Rewritten { source } => {
            let bytes = recover_kept(source)?;
            out.write_all(&bytes).map_err(|cause| Error::Write { cause })?;
            (0, bytes.len() as u64, Some(Sha256::of(&bytes)))
        }
        _ if source_is_folder(from)? => return Err(Error::io(from)(io::ErrorKind::IsADirectory.into())),
        State::Compressed => {
            let restored = restore_into(&Container::open(from)?, out, progress)?;
            (restored.tensors, restored.bytes, restored.sha256)
        }
        State::Copied => {
            let mut steps = progress.stage(Stage::Copy, entry.size);
            let (size, digest) = pass(from, out, |bytes| steps.add(bytes))?;
            (0, size, Some(digest))
        }
    };
    let is_source = (bytes, digest.as_ref()) == (entry.size, Some(&entry.sha256));
    Ok(Found { tensors, bytes, is_source })
}
