//! Model file or folder to a compressed one.

use std::path::Path;

use crate::error::Result;
use crate::options::{CompressOptions, CompressReport};
use crate::progress::in_pool;
use crate::{file, folder};

/// Compresses the file or folder `source` into `target`. Every file of the target appears whole, and only after it was restored in
/// memory to the source's SHA-256.
///
/// # Errors
/// Those of the files; [`crate::Error::AlreadyCompressed`]; a tensor named in the selection that is missing or no table.
pub fn compress(source: &Path, target: &Path, options: &CompressOptions<'_>) -> Result<CompressReport> {
    in_pool(options.threads, || {
        if source.is_dir() {
            folder::compress(source, target, options)
        } else {
            // A lone file has no configuration that tells how many rows its tables have.
            file::compress(source, target, options, &[])
        }
    })
}
