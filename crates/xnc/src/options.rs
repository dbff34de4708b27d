//! What callers say about compressing and restoring, and what they are told.

use crate::codec::Codec;
#[cfg(feature = "write")]
use crate::codec::{Effort, Encoding};
#[cfg(feature = "write")]
use crate::kernel::Backend;
use crate::model::role::Selection;
use crate::progress::Progress;

/// How to compress. [`Default`] takes codec `fast` and the tables by their role.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CompressOptions<'a> {
    /// Codec of the tables.
    pub codec: Codec,
    /// How much time codec `dense` may take: 1, rows independent of each other, to 4, smallest; 0 is 3.
    pub effort: u8,
    /// With codecs `fast` and `tight`: each row that fits in a page of 4 KiB lies in one, in memory and in the file,
    /// which suits tables that are read from disk. Costs bytes; other codecs know nothing of it.
    pub pages: bool,
    /// Which tensors; [`crate::transcode()`] takes those that are compressed.
    pub selection: Selection,
    /// At most so many threads; 0 for the current rayon pool. The output does not depend on it.
    pub threads: usize,
    /// Replace an existing target.
    pub force: bool,
    /// Hears how far the work is.
    pub progress: Progress<'a>,
}

#[cfg(feature = "write")]
impl CompressOptions<'_> {
    /// How tables are encoded.
    pub(crate) fn encoding(&self, backend: Backend) -> Encoding {
        let (codec, effort, pages) = (self.codec, Effort::new(self.effort), self.pages);
        Encoding { codec, effort, pages, backend }
    }
}

/// How to restore.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RestoreOptions<'a> {
    /// At most so many threads; 0 for the current rayon pool.
    pub threads: usize,
    /// Replace an existing target.
    pub force: bool,
    /// Hears how far the work is.
    pub progress: Progress<'a>,
    /// For `xnc-fuzz`, between bytes in memory: take what restores, whatever its digests.
    #[doc(hidden)]
    pub unchecked: bool,
}

/// What became of one tensor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TensorReport {
    /// Name.
    pub name: String,
    /// Element type as the source spells it.
    pub dtype: String,
    /// Extents, outermost first.
    pub shape: Vec<u64>,
    /// Codec, none when the tensor stayed plain.
    pub codec: Option<Codec>,
    /// Why the tensor stayed plain.
    pub plain_because: Option<String>,
    /// The tensor that holds the words, when this one is a duplicate.
    pub same_as: Option<String>,
    /// Bytes in the source.
    pub source_bytes: u64,
    /// Everything it adds to the file: payload, index, metadata.
    pub stored_bytes: u64,
}

/// What [`crate::compress()`] or [`crate::transcode()`] did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompressReport {
    /// Size of the source.
    pub source_bytes: u64,
    /// Size of the target; none when nothing was worth writing.
    pub output_bytes: Option<u64>,
    /// SHA-256 of the source, hexadecimal; none for a folder, and when nothing was written.
    pub sha256: Option<String>,
    /// One entry a selected tensor, in file order.
    pub tensors: Vec<TensorReport>,
    /// When nothing was written: why.
    pub nothing: Option<String>,
    /// What the caller should know although it is no error: shards that are missing, files that are not what
    /// their names say.
    pub warnings: Vec<String>,
}

impl CompressReport {
    /// Nothing yet, of a source of that size.
    pub(crate) fn of(source_bytes: u64) -> CompressReport {
        let (output_bytes, sha256, nothing) = (None, None, None);
        let (tensors, warnings) = (Vec::new(), Vec::new());
        CompressReport { source_bytes, output_bytes, sha256, tensors, nothing, warnings }
    }
}

/// What [`crate::restore()`] or [`crate::verify()`] found: the source's size and SHA-256, both confirmed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Size of the restored file, or of all files of a folder.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal; none for a folder.
    pub sha256: Option<String>,
    /// Compressed tensors in it.
    pub tensors: usize,
    /// Files restored.
    pub files: usize,
    /// What the caller should know although it is no error: shards that were missing, files that were edited since.
    pub warnings: Vec<String>,
}
