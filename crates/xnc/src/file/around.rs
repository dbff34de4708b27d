//! What a source holds beside its compressed tables.

use std::ops::Range;

use crate::container::{Container, Standing};
use crate::error::{Error, Result};
use crate::model::Layout;

/// Bytes of the source taken at a time.
const PART: usize = 4 << 20;

/// Tensors by name, and where they are in their file.
pub type Places = Vec<(String, Range<u64>)>;

/// Gives every byte of the source that is not of a compressed tensor, with its place, and tells the source's
/// size and where the compressed tensors are in it.
///
/// # Errors
/// As restoring, for what is read; those of `give`.
pub fn around(
    container: &Container,
    give: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(u64, Places)> {
    let record = container.record()?;
    let outside = container.outside()?;
    let source = Layout::parse(&outside, record.size)?;
    if source.format() != container.layout().format() {
        return Err(Error::corrupt(format!("the recorded header is one of {}", source.format())));
    }
    container.only_holds(&source)?;
    let mut outside = outside.as_slice();
    for gap in source.gaps(record.size) {
        let bytes = usize::try_from(gap.end - gap.start).ok().and_then(|length| outside.split_off(..length));
        let bytes = bytes.ok_or_else(|| Error::corrupt("the source's header does not cover its own gaps"))?;
        give(gap.start, bytes)?;
    }
    let mut coded = Vec::new();
    for tensor in source.tensors() {
        match container.stands_for(tensor)? {
            Standing::Coded(_) => coded.push((tensor.name.clone(), tensor.range.clone())),
            Standing::Plain(bytes) => {
                for (part, at) in bytes.chunks(PART).zip((tensor.range.start..).step_by(PART)) {
                    give(at, part)?;
                }
            }
        }
    }
    Ok((record.size, coded))
}
