//! Compressed file or folder to one of the same source under another codec.

use std::path::Path;

use crate::error::Result;
use crate::options::{CompressReport, TranscodeOptions};
use crate::progress::in_pool;
use crate::{file, folder};

/// Brings the tables of the compressed file or folder `source` under another codec: `target` becomes what [`crate::compress()`] makes of
/// the original with the same tensors selected, byte for byte. Tables that are under that codec already, and plain tensors, are copied.
/// Every file of the target appears whole, and only after it was restored in memory to the SHA-256 that `source` records.
///
/// Memory: what is mapped of source or target, whichever is larger, and from codec `dense` a byte for each word of a key row; no plain
/// table, unless the new codec is `dense`, which takes all words at once.
///
/// # Errors
/// Those of the files; [`crate::Error::NotCompressed`]; [`crate::Error::Corrupt`] wherever a checksum or a structure does not hold.
pub fn transcode(source: &Path, target: &Path, options: &TranscodeOptions<'_>) -> Result<CompressReport> {
    in_pool(options.threads, || {
        if source.is_dir() {
            folder::transcode(source, target, options)
        } else {
            file::transcode(source, target, options)
        }
    })
}
