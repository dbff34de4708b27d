//! The GGUF header, versions 2 and 3, little-endian: counts, key-value pairs, tensor infos, then aligned data.
//!
//! Key-value pairs stay opaque bytes: only their extents are read, and the one value that decides where data lies. [`Value`] is for
//! those who want more.

mod value;

pub use value::{Array, Value};

use std::collections::HashSet;
use std::ops::Range;

use super::{Format, Header, Layout, Tensor};
use crate::error::{Error, Result};

/// First four bytes of a file.
pub const MAGIC: &[u8] = b"GGUF";
/// Key of the alignment of tensor data.
pub const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Far above any real file's; padding is written by this much at most.
const MAX_ALIGNMENT: u64 = 1 << 20;
/// A format rule: tensors have up to four dimensions.
const MAX_DIMS: u32 = 4;
/// Arrays of arrays are legal; real files have none. The limit keeps a hostile file off the stack.
const MAX_NESTING: u32 = 4;

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

/// A ggml element type: name, elements a block, bytes a block.
#[derive(Clone, Copy, Debug)]
struct Type(u32, &'static str, u64, u64);

/// Ids and block sizes of ggml's types as of format version 3.
const TYPES: &[Type] = &[
    Type(0, "F32", 1, 4),
    Type(1, "F16", 1, 2),
    Type(2, "Q4_0", 32, 18),
    Type(3, "Q4_1", 32, 20),
    Type(6, "Q5_0", 32, 22),
    Type(7, "Q5_1", 32, 24),
    Type(8, "Q8_0", 32, 34),
    Type(9, "Q8_1", 32, 36),
    Type(10, "Q2_K", 256, 84),
    Type(11, "Q3_K", 256, 110),
    Type(12, "Q4_K", 256, 144),
    Type(13, "Q5_K", 256, 176),
    Type(14, "Q6_K", 256, 210),
    Type(15, "Q8_K", 256, 292),
    Type(16, "IQ2_XXS", 256, 66),
    Type(17, "IQ2_XS", 256, 74),
    Type(18, "IQ3_XXS", 256, 98),
    Type(19, "IQ1_S", 256, 50),
    Type(20, "IQ4_NL", 32, 18),
    Type(21, "IQ3_S", 256, 110),
    Type(22, "IQ2_S", 256, 82),
    Type(23, "IQ4_XS", 256, 136),
    Type(24, "I8", 1, 1),
    Type(25, "I16", 1, 2),
    Type(26, "I32", 1, 4),
    Type(27, "I64", 1, 8),
    Type(28, "F64", 1, 8),
    Type(29, "IQ1_M", 256, 56),
    Type(30, "BF16", 1, 2),
    Type(34, "TQ1_0", 256, 54),
    Type(35, "TQ2_0", 256, 66),
    Type(39, "MXFP4", 32, 17),
    Type(40, "NVFP4", 64, 36),
];

/// Id of the type of that name.
pub fn type_id(name: &str) -> Option<u32> {
    TYPES.iter().find(|t| t.1 == name).map(|t| t.0)
}

/// A header for tensors of the given sizes, laid out one after another on `alignment` bytes, with the pairs of `source`,
/// the alignment replaced, and the text pairs of `extra` appended, but for keys that stand already. `head` is the file that
/// `source` was read from.
pub fn header<'a>(
    head: &[u8],
    source: &GgufHeader,
    extra: &[(String, String)],
    tensors: impl ExactSizeIterator<Item = (&'a str, &'a str, &'a [u64], u64)>,
    alignment: u64,
) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let taken = source.keys(head);
    let extra: Vec<_> = extra.iter().filter(|(key, _)| !taken.contains(&key.as_str())).collect();
    let added = extra.len() as u64 + u64::from(source.alignment_value.is_none());
    out.extend_from_slice(&source.version.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(source.pairs + added).to_le_bytes());
    let pairs_at = out.len();
    out.extend_from_slice(&head[source.pair_bytes.clone()]);
    let value = (alignment as u32).to_le_bytes();
    if let Some(at) = &source.alignment_value {
        let at = at.start - source.pair_bytes.start + pairs_at;
        out[at..at + 4].copy_from_slice(&value);
    } else {
        put_text(&mut out, ALIGNMENT_KEY);
        out.extend_from_slice(&U32.to_le_bytes());
        out.extend_from_slice(&value);
    }
    for (key, text) in extra {
        put_text(&mut out, key);
        out.extend_from_slice(&STRING.to_le_bytes());
        put_text(&mut out, text);
    }
    let mut offset = 0u64;
    for (name, dtype, shape, bytes) in tensors {
        put_text(&mut out, name);
        out.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|axis| out.extend_from_slice(&axis.to_le_bytes()));
        out.extend_from_slice(&type_id(dtype).expect("types come from a parsed file").to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset = (offset + bytes).next_multiple_of(alignment);
    }
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Reads fields in order; every length is checked against the bytes that are there.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or_else(|| {
            Error::corrupt_at(
                self.at as u64,
                format!("the GGUF header ends inside a field of {length} bytes"),
            )
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }

    fn text(&mut self) -> Result<&'a str> {
        let (at, length) = (self.at, self.u64()?);
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| Error::corrupt_at(at as u64, "a GGUF name is not UTF-8"))
    }

    fn skip_value(&mut self, kind: u32, nesting: u32) -> Result<()> {
        if let Some(size) = scalar_bytes(kind) {
            self.take(size)?;
        } else if kind == STRING {
            let length = self.u64()?;
            self.take(length)?;
        } else if kind == ARRAY && nesting < MAX_NESTING {
            let (element, count) = (self.u32()?, self.u64()?);
            if let Some(size) = scalar_bytes(element) {
                let too_long =
                    || Error::corrupt_at(self.at as u64, format!("a GGUF array of {count} elements"));
                self.take(count.checked_mul(size).ok_or_else(too_long)?)?;
            } else {
                // Each turn consumes at least the bytes of a length or fails, so the file's size bounds the loop.
                for _ in 0..count {
                    self.skip_value(element, nesting + 1)?;
                }
            }
        } else {
            return Err(Error::corrupt_at(self.at as u64, format!("a GGUF value of unknown type {kind}")));
        }
        Ok(())
    }
}

const U32: u32 = 4;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

pub(super) fn parse(head: &[u8], file_bytes: u64) -> Result<Layout> {
    let mut fields = Fields { bytes: head, at: MAGIC.len() };
    let version = fields.u32()?;
    if !matches!(version, 2 | 3) {
        let found = if version.swap_bytes() <= 3 { "big-endian".into() } else { version.to_string() };
        return Err(Error::Unknown { what: "the file".into(), kind: "GGUF version", found });
    }
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
    let mut names = HashSet::new();
    for _ in 0..count {
        let at = fields.at as u64;
        let tensor = tensor_info(&mut fields)?;
        if !names.insert(tensor.name.clone()) {
            return Err(Error::corrupt_at(at, format!("tensor `{}` stands twice", tensor.name)));
        }
        tensors.push(tensor);
    }
    let data = (fields.at as u64).next_multiple_of(alignment);
    place(&mut tensors, data, alignment, file_bytes)?;
    let header = GgufHeader { version, pairs, pair_bytes, alignment_value, alignment };
    Ok(Layout { format: Format::Gguf, tensors, header: Header::Gguf(header) })
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
    let Some(&Type(_, dtype, elements, bytes)) = TYPES.iter().find(|t| t.0 == id) else {
        return Err(Error::Unknown {
            what: format!("tensor `{name}`"),
            kind: "ggml type",
            found: id.to_string(),
        });
    };
    let whole = shape.first().is_none_or(|row| row.is_multiple_of(elements));
    let count = shape.iter().try_fold(1u64, |n, &axis| n.checked_mul(axis));
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
    tensors.sort_by_key(|tensor| (tensor.range.start, tensor.range.end));
    let mut end = 0;
    for tensor in tensors {
        let Range { start, end: stop } = tensor.range;
        // `stop` is not below `start`, so this bounds both.
        if data.checked_add(stop).is_none_or(|stop| stop > file_bytes) {
            return Err(Error::corrupt(format!("tensor `{}` passes the end of the file", tensor.name)));
        }
        if !start.is_multiple_of(alignment) || start < end {
            let what = if start < end { "overlaps the tensor before it" } else { "is not aligned" };
            return Err(Error::corrupt_at(data + start, format!("tensor `{}` {what}", tensor.name)));
        }
        end = stop;
        tensor.range = data + start..data + stop;
    }
    Ok(())
}
