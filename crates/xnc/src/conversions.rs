//! The public way in: a model file or folder compressed, transcoded, restored, or verified.

use std::io;
use std::path::Path;

use crate::container::{Container, Map};
use crate::error::{Error, Result};
use crate::kinds::source_is_folder;
use crate::options::{CompressOptions, CompressReport, RestoreOptions, RestoreReport};
use crate::progress::Progress;
use crate::threads::run_on;
use crate::{file, folder};

/// Compresses the file or folder `source` into `target`, which appears whole, and only after every file was
/// restored in memory to the source's SHA-256.
///
/// # Errors
/// Those of the files; [`crate::Error::AlreadyCompressed`]; a tensor named in the selection that is missing
/// or no table.
pub fn compress(source: &Path, target: &Path, options: &CompressOptions<'_>) -> Result<CompressReport> {
    let is_folder = source_is_folder(source)?;
    run_on(options.threads, || {
        if is_folder {
            folder::compress(source, target, options)
        } else {
            // A lone file has no configuration that tells how many rows its tables have.
            file::compress(source, target, options, &[])
        }
    })?
}

/// Brings the tables of the compressed file or folder `source` under another codec: `target` becomes what
/// [`compress()`] makes of the original with the same tensors selected, byte for byte. Tables that are under
/// that codec already, and plain tensors, are copied. The target appears whole, and only after every file was
/// restored in memory to the SHA-256 that `source` records.
///
/// Memory: what is mapped of source or target, whichever is larger, and from codec `dense` a byte for each
/// word of a key row; no plain table, unless the new codec is `dense`, which takes all words at once.
///
/// # Errors
/// Those of the files; [`crate::Error::NotCompressed`]; [`crate::Error::Corrupt`] wherever a checksum or a
/// structure does not hold.
pub fn transcode(source: &Path, target: &Path, options: &CompressOptions<'_>) -> Result<CompressReport> {
    let is_folder = source_is_folder(source)?;
    run_on(options.threads, || {
        if is_folder {
            folder::transcode(source, target, options)
        } else {
            file::transcode(source, target, options)
        }
    })?
}

/// Restores the file or folder that `source` was made of. The target appears whole, and every file with its
/// recorded SHA-256. Other files of a folder than models come back as they are now; those that were edited
/// are told in [`RestoreReport::warnings`].
///
/// # Errors
/// Those of the files, and [`crate::Error::Corrupt`] wherever a checksum or a structure does not hold.
pub fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    let is_folder = source_is_folder(source)?;
    run_on(options.threads, || {
        if is_folder {
            folder::restore(source, target, options)
        } else {
            file::restore(source, target, options)
        }
    })?
}

/// Checks everything in a compressed file or folder: chunk checksums, tensor digests, and the SHA-256 of what
/// it restores to.
///
/// With `against`, a file or folder that `source` may have been made of, what is restored is also compared
/// with that: tensor for tensor, then every other byte, then the files of a folder that hold no tensors. Both
/// are read a part at a time, and nothing is written.
///
/// # Errors
/// As [`restore`], without a target; [`crate::Error::Differs`] with the first difference from `against`, and
/// [`crate::Error::InFile`] with what is wrong with that itself; [`crate::Error::Edited`], after the rest was
/// checked, when files of a folder are not what they were.
pub fn verify(
    source: &Path,
    against: Option<&Path>,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<RestoreReport> {
    let is_folder = source_is_folder(source)?;
    if let Some(against) = against
        && source_is_folder(against)? != is_folder
    {
        let kind = if is_folder { io::ErrorKind::NotADirectory } else { io::ErrorKind::IsADirectory };
        return Err(Error::io(against)(kind.into()));
    }
    run_on(threads, || match against {
        _ if is_folder => folder::verify(source, against, progress),
        Some(against) => file::compare(&Container::open(source)?, against, progress),
        None => file::restore_into(&Container::open(source)?, &mut io::sink(), progress),
    })?
}

/// As [`compress()`] of one file, between bytes in memory: the compressed file, or nothing where it would not
/// shrink, and what was done. Nothing of `source` is copied; the caller's options for files do not count.
///
/// # Errors
/// As [`compress()`], without those of files.
pub fn compress_bytes(
    source: impl AsRef<[u8]> + Send + Sync + 'static,
    options: &CompressOptions<'_>,
) -> Result<(Option<Vec<u8>>, CompressReport)> {
    run_on(options.threads, || file::compress_bytes(Map::shared(source), options))?
}

/// As [`restore()`] of one file, between bytes in memory.
///
/// # Errors
/// As [`restore()`], without those of files.
pub fn restore_bytes(
    source: impl AsRef<[u8]> + Send + Sync + 'static,
    options: &RestoreOptions<'_>,
) -> Result<Vec<u8>> {
    run_on(options.threads, || {
        let (container, mut out) = (Container::new(Map::shared(source))?, Vec::new());
        if options.unchecked {
            file::restore_unchecked(&container, &mut out, &options.progress, false)?;
        } else {
            file::restore_into(&container, &mut out, &options.progress)?;
        }
        Ok(out)
    })?
}
