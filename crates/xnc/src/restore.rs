//! Compressed file or folder back to the source's bytes.

use std::io;
use std::path::Path;

use crate::container::Container;
use crate::error::Result;
use crate::options::{RestoreOptions, RestoreReport};
use crate::progress::{Progress, in_pool};
use crate::{file, folder};

/// Restores the file or folder that `source` was made of. Every file appears whole, and only with its recorded SHA-256.
///
/// # Errors
/// Those of the files, and [`crate::Error::Corrupt`] wherever a checksum or a structure does not hold.
pub fn restore(source: &Path, target: &Path, options: &RestoreOptions<'_>) -> Result<RestoreReport> {
    in_pool(options.threads, || {
        if source.is_dir() {
            folder::restore(source, target, options)
        } else {
            file::restore(source, target, options)
        }
    })
}

/// Checks everything in a compressed file or folder: chunk checksums, tensor digests, and the SHA-256 of what it restores to.
///
/// # Errors
/// As [`restore`], without a target.
pub fn verify(source: &Path, threads: usize, progress: &Progress<'_>) -> Result<RestoreReport> {
    in_pool(threads, || {
        if source.is_dir() {
            folder::verify(source, progress)
        } else {
            file::restore_into(&Container::open(source)?, &mut io::sink(), progress)
        }
    })
}
