//! The GGUF header, versions 2 and 3, little-endian: counts, key-value pairs, tensor infos, then aligned data.
//!
//! Key-value pairs stay opaque bytes: only their extents are read, and the one value that decides where data lies.

mod fields;
mod types;
#[cfg(feature = "write")]
mod writing;

#[cfg(feature = "write")]
pub use types::type_id;
#[cfg(feature = "write")]
pub use writing::header;

use std::collections::HashSet;
use std::ops::Range;

use super::{Format, Header, Layout, Tensor, cut_short};
use crate::error::{Error, Result};

use fields::{Fields, U32};
use types::Type;

/// First four bytes of a file.
pub const MAGIC: &[u8] = b"GGUF";
/// Key of the alignment of tensor data.
pub const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Far above any real file's; padding is written by this much at most.
const MAX_ALIGNMENT: u64 = 1 << 20;
/// A format rule: tensors have up to four dimensions.
const MAX_DIMS: u32 = 4;

/// Everything before the tensor data, as extents of the file's first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufHeader {
    /// 2 or 3.
    pub version: u32,
    /// Number of key-value pairs.
    pub pairs: u64,
    /// Bytes of the key-value pairs.
    pub pair_bytes: Range<usize>,
    /// The u32 value of `general.alignment`, where it stands.
    pub alignment_value: Option<Range<usize>>,
    /// Alignment of tensor data.
    pub alignment: u64,
}

impl GgufHeader {
    /// The keys of the pairs, read again from the file's first bytes.
    fn keys<'a>(&self, head: &'a [u8]) -> Vec<&'a str> {
        let mut fields = Fields { bytes: &head[..self.pair_bytes.end], at: self.pair_bytes.start };
        let mut key = || -> Result<&'a str> {
            let key = fields.text()?;
            let kind = fields.u32()?;
            fields.skip_value(kind, 0)?;
            Ok(key)
        };
        (0..self.pairs).map_while(|_| key().ok()).collect()
    }
}

pub(super) fn parse(head: &[u8], file_bytes: u64) -> Result<Layout> {
    let mut fields = Fields { bytes: head, at: MAGIC.len() };
    let version = fields.u32()?;
    readable(version)?;
    let (count, pairs) = (fields.u64()?, fields.u64()?);
    let start = fields.at;
    let (mut alignment, mut alignment_value) = (DEFAULT_ALIGNMENT, None);
    let mut keys = HashSet::new();
    for _ in 0..pairs {
        let at = fields.at as u64;
        let key = fields.text()?;
        if !keys.insert(key) {
            return Err(Error::corrupt_at(at, format!("GGUF key `{key}` stands twice")));
        }
        let kind = fields.u32()?;
        let value = fields.at;
        fields.skip_value(kind, 0)?;
        if key == ALIGNMENT_KEY {
            if kind != U32 {
                return Err(Error::corrupt_at(at, format!("`{ALIGNMENT_KEY}` is not a u32")));
            }
            alignment = u64::from(u32::from_le_bytes(head[value..value + 4].try_into().expect("four bytes")));
            alignment_value = Some(value..value + 4);
            if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
                return Err(Error::corrupt_at(
                    at,
                    format!("`{ALIGNMENT_KEY}` is {alignment}, no sensible power of two"),
                ));
            }
        }
    }
    let pair_bytes = start..fields.at;
    let mut tensors = Vec::new();
    for _ in 0..count {
        tensors.push(tensor_info(&mut fields)?);
    }
    let data = (fields.at as u64).next_multiple_of(alignment);
    let header = GgufHeader { version, pairs, pair_bytes, alignment_value, alignment };
    // Stable, so that tensors without bytes keep the header's order.
    tensors.sort_by_key(|tensor| (tensor.range.start, tensor.range.end));
    place(&mut tensors, data, alignment, file_bytes)?;
    Layout::new(Format::Gguf, tensors, Header::Gguf(header))
}

/// Whether files of this version are read here; if not, what helps.
fn readable(version: u32) -> Result<()> {
    let reason = match version {
        2 | 3 => return Ok(()),
        0 => "a GGUF file of version 0, which there never was; download it again".into(),
        1 => "a GGUF file of version 1, of August 2023, which llama.cpp does not read either; download a newer \
              GGUF file of the model, or make one of its safetensors files with llama.cpp's \
              `convert_hf_to_gguf.py`"
            .into(),
        // Versions are small, so the bytes of a large one stand in the other order.
        _ if version & 0xffff == 0 => format!(
            "a big-endian GGUF file (version {}), for machines like s390x; make a little-endian copy with \
             `gguf-convert-endian COPY little`, which is a part of the Python package gguf and changes the file \
             in place",
            version.swap_bytes()
        ),
        _ => {
            let found = version.to_string();
            return Err(Error::Unknown { what: "the file".into(), kind: "GGUF version", found });
        }
    };
    Err(Error::NotAModel { reason })
}

/// A tensor info; its range still counts from the start of the data.
fn tensor_info(fields: &mut Fields<'_>) -> Result<Tensor> {
    let name = fields.text()?.to_owned();
    let at = fields.at as u64;
    let dims = fields.u32()?;
    if dims > MAX_DIMS {
        return Err(Error::corrupt_at(at, format!("tensor `{name}` has {dims} dimensions")));
    }
    let mut shape = (0..dims).map(|_| fields.u64()).collect::<Result<Vec<u64>>>()?;
    let (id, offset) = (fields.u32()?, fields.u64()?);
    let &Type(_, dtype, elements, bytes) = types::of_id(id, &name)?;
    let whole = shape.first().unwrap_or(&1).is_multiple_of(elements);
    let count = super::elements(&shape);
    let size = count.filter(|_| whole).and_then(|n| (n / elements).checked_mul(bytes));
    let end = size.and_then(|size| offset.checked_add(size));
    let end = end.ok_or_else(|| {
        Error::corrupt_at(at, format!("tensor `{name}` of type {dtype} cannot have the shape {shape:?}"))
    })?;
    // GGUF lists the fastest axis first.
    shape.reverse();
    Ok(Tensor { name, dtype: dtype.into(), shape, range: offset..end })
}

/// Turns offsets into file positions and checks that tensors are aligned, apart, and inside the file.
fn place(tensors: &mut [Tensor], data: u64, alignment: u64, file_bytes: u64) -> Result<()> {
    let mut end = 0;
    for tensor in tensors.iter_mut() {
        let Range { start, end: stop } = tensor.range;
        // `stop` is not below `start`, so this bounds both.
        let Some(stands) = data.checked_add(stop).map(|stop| data + start..stop) else {
            return Err(Error::corrupt(format!("tensor `{}` lies past the end of any file", tensor.name)));
        };
        if !start.is_multiple_of(alignment) || start < end {
            let what = if start < end { "overlaps the tensor before it" } else { "is not aligned" };
            return Err(Error::corrupt_at(stands.start, format!("tensor `{}` {what}", tensor.name)));
        }
        end = stop;
        tensor.range = stands;
    }
    match tensors.last() {
        Some(last) if last.range.end > file_bytes => Err(cut_short(file_bytes, last.range.end)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
