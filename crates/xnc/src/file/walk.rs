//! The source of a compressed file, part by part.

use std::ops::Range;

use crate::container::{Container, Standing, TensorMeta};
use crate::error::{Error, Result};
use crate::model::{Layout, Tensor};

/// Plain bytes taken at a time.
const AT_ONCE: usize = 4 << 20;

/// A part of the source.
pub enum Part<'a> {
    /// Its bytes: of what is outside of tensors, or of a plain tensor.
    Bytes(&'a [u8]),
    /// A compressed tensor.
    Coded(&'a Tensor, &'a TensorMeta),
}

/// Hands the source's parts to `take`, in order, each with its place; tells the source's size.
///
/// # Errors
/// [`Error::Corrupt`] where the recorded header, tensors and recorded pieces do not make a source; those of `take`.
pub fn walk(container: &Container, take: &mut dyn FnMut(u64, Part<'_>) -> Result<()>) -> Result<u64> {
    let record = container.record()?;
    let outside = container.outside()?;
    let source = Layout::parse(&outside, record.size)?;
    if source.format() != container.layout().format() {
        return Err(Error::corrupt(format!("the recorded header is one of {}", source.format())));
    }
    container.only_holds(&source)?;
    let (mut outside, mut at) = (outside.as_slice(), 0);
    let mut gaps = source.gaps(record.size).into_iter().peekable();
    let mut next = |until: u64| -> Result<Option<&[u8]>> {
        let Some(gap) = gaps.next_if(|gap| gap.start < until) else { return Ok(None) };
        // A recorded header may tell of gaps that no memory holds.
        let bytes = usize::try_from(gap.end - gap.start).ok().and_then(|length| outside.split_off(..length));
        bytes.map(Some).ok_or_else(|| Error::corrupt("the source's header does not cover its own gaps"))
    };
    let mut give = |part: Part<'_>, length: u64| {
        let place = at;
        at += length;
        take(place, part)
    };
    for tensor in source.tensors() {
        while let Some(bytes) = next(tensor.range.start)? {
            give(Part::Bytes(bytes), bytes.len() as u64)?;
        }
        match container.stands_for(tensor)? {
            Standing::Coded(meta) => give(Part::Coded(tensor, meta), tensor.bytes())?,
            Standing::Plain(bytes) => {
                bytes.chunks(AT_ONCE).try_for_each(|part| give(Part::Bytes(part), part.len() as u64))?;
            }
        }
    }
    while let Some(bytes) = next(record.size)? {
        give(Part::Bytes(bytes), bytes.len() as u64)?;
    }
    if at != record.size || !outside.is_empty() {
        return Err(Error::corrupt("tensors and recorded pieces do not make the source's size"));
    }
    Ok(at)
}

/// Tensors by name, and where they are in their file.
pub type Places = Vec<(String, Range<u64>)>;

/// Gives every byte of the source that is not of a compressed tensor, with its place, and tells the source's
/// size and where the compressed tensors are in it.
///
/// # Errors
/// As [`walk`].
pub fn around(
    container: &Container,
    give: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<(u64, Places)> {
    let mut coded = Vec::new();
    let size = walk(container, &mut |at, part| match part {
        Part::Bytes(bytes) => give(at, bytes),
        Part::Coded(tensor, _) => {
            coded.push((tensor.name.clone(), at..at + tensor.bytes()));
            Ok(())
        }
    })?;
    Ok((size, coded))
}
