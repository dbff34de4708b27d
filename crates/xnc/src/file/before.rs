//! What can be told before tables are encoded, which may take minutes: too little space, a target of another
//! source.

use std::path::Path;

use crate::codec::Codec;
use crate::container::{Container, Storage};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::model::Tensor;

/// What a compressed file of `bytes` source bytes takes at least, as far as one can know before encoding: no
/// table of a trained model has shrunk to half of its 16-bit words, and those are half of an F32 table.
pub fn least(bytes: u64, tables: &[&Tensor]) -> u64 {
    let saved = |tensor: &&Tensor| match tensor.element() {
        Some(Element::F32) => tensor.bytes() / 4 * 3,
        _ => tensor.bytes() / 2,
    };
    bytes.saturating_sub(tables.iter().map(saved).sum())
}

/// Refuses a target that exists and cannot be what would be written: before the work, which may take minutes.
/// What may be it is compared afterwards.
///
/// # Errors
/// [`Error::TargetExists`].
pub fn refuse_other(path: &Path, source_bytes: u64, codec: Codec) -> Result<()> {
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
