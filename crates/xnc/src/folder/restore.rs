//! A compressed folder back to every byte of every file.

use std::io::{self, Write};
use std::path::Path;

use super::{FileEntry, FolderRecord, State, check_apart, new_target, pass};
use crate::container::{Container, recover_kept};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::file::restore_into;
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage};

pub(crate) fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    check_apart(source, target)?;
    run(source, Some((target, options.force)), &options.progress)
}

pub(crate) fn verify(source: &Path, progress: &Progress<'_>) -> Result<RestoreReport> {
    run(source, None, progress)
}

/// Goes through all files of the record; without a target it only checks.
fn run(source: &Path, target: Option<(&Path, bool)>, progress: &Progress<'_>) -> Result<RestoreReport> {
    let record = FolderRecord::read(source)?;
    let mut report = RestoreReport { bytes: 0, sha256: None, tensors: 0, files: 0 };
    for (file, entry) in record.entries()? {
        let from = source.join(&file);
        let in_file = |error| Error::in_file(&file, error);
        match target {
            Some((folder, force)) => {
                let mut out = new_target(&folder.join(&file), &from, force)?;
                report.tensors += restore_file(&from, entry, out.file(), progress).map_err(in_file)?;
                out.commit()?;
            }
            None => {
                report.tensors += restore_file(&from, entry, &mut io::sink(), progress).map_err(in_file)?
            }
        }
        report.bytes += entry.size;
        report.files += 1;
    }
    Ok(report)
}

/// Writes the source's bytes of one file and compares them with the record; gives the number of compressed tensors.
fn restore_file(
    from: &Path,
    entry: &FileEntry,
    out: &mut dyn Write,
    progress: &Progress<'_>,
) -> Result<usize> {
    let (tensors, size, digest) = match &entry.state {
        State::Compressed => {
            let restored = restore_into(&Container::open(from)?, out, progress)?;
            (restored.tensors, restored.bytes, restored.sha256)
        }
        State::Copied => {
            let mut steps = progress.stage(Stage::Copy, entry.size);
            let (size, digest) = pass(from, out, |bytes| steps.add(bytes))?;
            (0, size, Some(digest))
        }
        State::Rewritten { source } => {
            let bytes = recover_kept(source)?;
            out.write_all(&bytes).map_err(Error::io(from))?;
            (0, bytes.len() as u64, Some(Sha256::of(&bytes)))
        }
    };
    if size != entry.size || digest.as_ref() != Some(&entry.sha256) {
        return Err(Error::corrupt(format!("its SHA-256 is not {}, which the source had", entry.sha256)));
    }
    Ok(tensors)
}
