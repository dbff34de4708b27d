//! One model file through its whole way: compressed, restored, or under another codec.

mod compress;
mod encode;
mod restore;
mod transcode;
mod write;

pub(crate) use compress::{compress, compress_bytes};
pub(crate) use restore::restore;
pub use restore::restore_into;
pub(crate) use transcode::transcode;

use std::path::Path;

use crate::codec::Codec;
use crate::container::{Container, Storage};
use crate::error::{Error, Result};
use crate::model::Tensor;

/// What a compressed file of `bytes` source bytes takes at least, as far as one can know before encoding: no
/// table of a trained model has shrunk to half.
fn least(bytes: u64, tables: &[&Tensor]) -> u64 {
    bytes - tables.iter().map(|tensor| tensor.bytes()).sum::<u64>() / 2
}

/// Refuses a target that exists and cannot be what would be written: before the work, which may take minutes.
/// What may be it is compared afterwards.
///
/// # Errors
/// [`Error::TargetExists`].
fn refuse_other(path: &Path, source_bytes: u64, codec: Codec) -> Result<()> {
    if path.exists() {
        let may_be = Container::open(path).is_ok_and(|there| {
            there.record().is_ok_and(|record| record.size == source_bytes)
                && there.metas().values().all(|meta| match &meta.storage {
                    Storage::Coded { codec: found, .. } => found == codec.name(),
                    Storage::SameAs { .. } => true,
                })
        });
        if !may_be {
            return Err(Error::TargetExists { path: path.to_owned() });
        }
    }
    Ok(())
}
