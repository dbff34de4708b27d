//! A compressed folder back to every byte of every file: written, compared, or only checked.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{FOLDER_RECORD, FileEntry, FolderRecord, State, edited, may_change, names, pass};
use crate::container::{Container, recover_kept};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::file::{Beside, NOTHING, compare, of_whole, restore_into};
use crate::kinds::{kind, source_is_folder};
use crate::model::folder::{self, is_named_like_a_model};
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, Stage};
use crate::target::{Target, TargetFolder, check_space, is_temporary};

pub(crate) fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let record = FolderRecord::read(source)?;
    check_space(target, record.bytes())?;
    let folder = TargetFolder::create(target, source, options.force)?;
    let restored = run(source, &record, To::Folder(&folder), &options.progress);
    let (mut report, changed) = restored.map_err(|error| folder.blame(error))?;
    report.warnings.extend(changed.iter().map(|file| match kind(&source.join(file)) {
        Ok(None) => format!("{} is gone since the folder was compressed", file.display()),
        _ => edited(file),
    }));
    folder.commit(Path::new(FOLDER_RECORD), &[])?;
    Ok(report)
}

/// Checks a folder, and compares what it restores to with the folder `against`, if there is one.
pub(crate) fn verify(
    source: &Path,
    against: Option<&Path>,
    progress: &Progress<'_>,
) -> Result<RestoreReport> {
    let record = FolderRecord::read(source)?;
    let to = against.map_or(To::Nowhere, To::Beside);
    let more = against.map(|against| not_recorded(&record, against)).transpose()?;
    let (report, changed) = run(source, &record, to, progress)?;
    if let Some((file, bytes)) = more.flatten() {
        return Err(Error::in_file(&file, of_whole(None, NOTHING, &format!("a file of {bytes} bytes"))));
    }
    if changed.is_empty() { Ok(report) } else { Err(Error::Edited { files: changed }) }
}

/// The first file of a folder that a record does not tell of, and its size. What an interrupted run left there
/// was not compressed either.
fn not_recorded(record: &FolderRecord, against: &Path) -> Result<Option<(PathBuf, u64)>> {
    let in_source = |error| Error::in_file(against, error);
    if against.join(FOLDER_RECORD).exists() {
        return Err(in_source(Error::AlreadyCompressed { name: FOLDER_RECORD.into() }));
    }
    folder::refuse_cache(against).map_err(in_source)?;
    let is_recorded = |file: &Path| names::from_path(file).is_ok_and(|name| record.files.contains_key(&name));
    let mut files = folder::files(against).map_err(in_source)?.into_iter();
    let Some(file) = files.find(|file| !is_recorded(file) && !file.iter().any(is_temporary)) else {
        return Ok(None);
    };
    let path = against.join(&file);
    let bytes = path.metadata().map_err(Error::io(&path))?.len();
    Ok(Some((file, bytes)))
}

/// What becomes of restored files.
#[derive(Clone, Copy)]
enum To<'a> {
    /// They are only checked.
    Nowhere,
    /// Each goes to its place in a folder.
    Folder(&'a TargetFolder),
    /// Each is compared with the file of its name in a folder.
    Beside(&'a Path),
}

/// Goes through all files of the record. Gives the files that hold no tensors and are not any more what they
/// were, too: somebody may have edited them, and nothing else depends on them.
fn run(
    source: &Path,
    record: &FolderRecord,
    to: To<'_>,
    progress: &Progress<'_>,
) -> Result<(RestoreReport, Vec<PathBuf>)> {
    let warnings = record.missing_shards()?;
    let mut report = RestoreReport { bytes: 0, sha256: None, tensors: 0, files: 0, warnings };
    let mut changed = Vec::new();
    let mut entries = record.entries()?;
    if matches!(to, To::Beside(_)) {
        // A tensor that differs tells more than the index or the text that differs, too.
        let holds_tensors = |file: &Path, entry: &FileEntry| {
            matches!(entry.state, State::Compressed) || is_named_like_a_model(file)
        };
        entries.sort_by_key(|(file, entry)| !holds_tensors(file, entry));
    }
    for (file, entry) in entries {
        let from = source.join(&file);
        let in_file = |error| Error::in_file(&file, error);
        let may_change = may_change(entry, &from);
        if may_change && matches!(kind(&from), Ok(None)) {
            changed.push(file);
            continue;
        }
        let found = match to {
            To::Folder(folder) => {
                let to = folder.place(&file)?;
                let mut out = Target::create(&to, &from, false)?;
                let found = restore_file(&from, entry, out.file(), progress);
                let found = found.map_err(Target::blame(&to)).map_err(in_file)?;
                if found.is_source || may_change {
                    out.commit()?;
                }
                found
            }
            To::Beside(there) => beside((&from, entry), &there.join(&file), progress)
                .map_err(|error| if is_of(there, &error) { error } else { in_file(error) })?,
            To::Nowhere => restore_file(&from, entry, &mut io::sink(), progress).map_err(in_file)?,
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

/// Compares what one file restores to with the file `there`. A file that is not what it was is told by its
/// digest alone.
fn beside((from, entry): (&Path, &FileEntry), there: &Path, progress: &Progress<'_>) -> Result<Found> {
    if matches!(kind(there), Ok(None)) {
        return Err(of_whole(None, &format!("a file of {} bytes", entry.size), NOTHING));
    }
    if matches!(entry.state, State::Compressed) && !source_is_folder(from)? {
        let restored = compare(&Container::open(from)?, there, progress)?;
        return Ok(Found::of(restored.tensors, restored.bytes, restored.sha256, entry));
    }
    let plain = is_named_like_a_model(from).then(|| Container::open(from).ok()).flatten();
    let mut beside = match plain.filter(|plain| plain.evidence().is_none()) {
        Some(plain) => Beside::tensors((plain.layout(), plain.file_bytes()), there)?,
        None => Beside::bytes(there)?,
    };
    let found = restore_file(from, entry, &mut beside, progress);
    match found {
        Ok(found) if !found.is_source => Ok(found),
        found => beside.settle(found),
    }
}

/// Whether an error is of the folder `there` itself, which it then names.
fn is_of(there: &Path, error: &Error) -> bool {
    matches!(error, Error::InFile { file, .. } if file.starts_with(there))
}

/// What came out of one file.
struct Found {
    tensors: usize,
    bytes: u64,
    /// Size and SHA-256 are those of the record.
    is_source: bool,
}

impl Found {
    fn of(tensors: usize, bytes: u64, sha256: Option<String>, entry: &FileEntry) -> Found {
        let is_source = (bytes, sha256.as_ref()) == (entry.size, Some(&entry.sha256));
        Found { tensors, bytes, is_source }
    }
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
    Ok(Found::of(tensors, bytes, digest, entry))
}
