//! The safetensors header: 8 bytes of length, then JSON. Reading is stricter than the reference crate in one
//! point: a name that stands twice is an error. Reading our own also keeps the order of names and needs only
//! a prefix of the file.

use std::collections::HashSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Format, Header, Layout, Tensor, cut_short, foreign};
use crate::error::{Error, Result};

/// Longest header that the reference implementation accepts.
pub const MAX_HEADER: u64 = 100_000_000;
/// Bytes before the JSON.
pub const PREFIX: u64 = 8;
/// The name that is no tensor's.
const METADATA: &str = "__metadata__";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// What a header says of a tensor, as an object; a list of the same values would do for a derived reader.
struct Entry(Info);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with type, shape and offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Entry, A::Error> {
        Info::deserialize(MapAccessDeserializer::new(map)).map(Entry)
    }
}

/// The JSON object in its own order. Tensors' names may stand twice here; [`Layout::new`] refuses that.
struct Json {
    metadata: Vec<(String, String)>,
    tensors: Vec<(String, Info)>,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Json, A::Error> {
        let mut tensors = Vec::new();
        let mut metadata: Option<Pairs> = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != METADATA {
                tensors.push((name, map.next_value::<Entry>()?.0));
            } else if metadata.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom(format!("`{METADATA}` stands twice")));
            }
        }
        Ok(Json { metadata: metadata.map(|pairs| pairs.0).unwrap_or_default(), tensors })
    }
}

/// A JSON object of strings, in its own order, keys unique.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        let mut seen = HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("metadata key `{key}` stands twice")));
            }
            pairs.push((key, value));
        }
        Ok(Pairs(pairs))
    }
}

/// Bits of one element, for the types of safetensors 0.8. Other types are carried along unchecked.
fn element_bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

pub(super) fn parse(head: &[u8], file_bytes: u64) -> Result<Layout> {
    let json = json(head, file_bytes)?;
    let data = PREFIX + json.len() as u64;
    let json: Json = serde_json::from_slice(json)
        .map_err(|e| Error::NotAModel { reason: format!("its safetensors header is damaged: {e}") })?;

    let mut tensors = Vec::with_capacity(json.tensors.len());
    for (name, info) in json.tensors {
        tensors.push(place(name, info, data)?);
    }
    // Stable, so that tensors without bytes keep the header's order.
    tensors.sort_by_key(|tensor| (tensor.range.start, tensor.range.end));
    let layout = Layout::new(Format::Safetensors, tensors, Header::Safetensors(json.metadata))?;
    let mut end = data;
    for tensor in layout.tensors() {
        if tensor.range.start != end {
            let what = if tensor.range.start < end {
                "overlaps the tensor before it"
            } else {
                "leaves a hole before it"
            };
            return Err(Error::corrupt_at(tensor.range.start, format!("tensor `{}` {what}", tensor.name)));
        }
        end = tensor.range.end;
    }
    match file_bytes.checked_sub(end) {
        None => Err(cut_short(file_bytes, end)),
        Some(0) => Ok(layout),
        Some(more) => Err(Error::corrupt_at(end, format!("{more} bytes follow the last tensor"))),
    }
}

/// Whether a file that begins like this is meant to be one, whole or not.
pub fn may_begin(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| length <= MAX_HEADER)
        && head.get(PREFIX as usize).is_none_or(|&first| first == b'{')
}

/// The text of the header, which may be followed by spaces.
fn json(head: &[u8], file_bytes: u64) -> Result<&[u8]> {
    let not_a_model = |reason: String| Error::NotAModel { reason };
    let Some((length, rest)) = head.split_first_chunk::<8>().filter(|(_, rest)| rest.first() == Some(&b'{'))
    else {
        return Err(not_a_model(foreign::describe(head)));
    };
    let length = u64::from_le_bytes(*length);
    let there = file_bytes.saturating_sub(PREFIX);
    if length > MAX_HEADER {
        // A text whose ninth byte is a brace is likelier than a header of that length.
        return Err(not_a_model(if length > there {
            foreign::describe(head)
        } else {
            format!("its safetensors header has {length} bytes; the format allows {MAX_HEADER}")
        }));
    }
    if length > there {
        return Err(Error::corrupt(format!(
            "the file is cut short inside its header: it has {file_bytes} bytes, and the header alone takes {}; \
             download it again",
            PREFIX + length
        )));
    }
    let text = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    text.filter(|text| !text.is_empty()).ok_or_else(|| Error::corrupt("the safetensors header is cut short"))
}

/// The tensor that an entry of the header describes, when the data begins at `data`. It may still pass the
/// file's end.
fn place(name: String, info: Info, data: u64) -> Result<Tensor> {
    let Info { dtype, shape, data_offsets: (begin, end) } = info;
    let Some(range) = data.checked_add(end).filter(|_| begin <= end).map(|end| data + begin..end) else {
        return Err(Error::corrupt(format!("tensor `{name}` spans the bytes {begin}..{end}")));
    };
    // Checked, because a restorer parses headers of files that are longer than what is there.
    let stored_bits = (end - begin).checked_mul(8);
    let elements = super::elements(&shape);
    let bits = elements.and_then(|n| element_bits(&dtype).map_or(stored_bits, |bits| n.checked_mul(bits)));
    if bits.is_none() || bits != stored_bits {
        let bytes = end - begin;
        return Err(Error::corrupt(format!(
            "tensor `{name}` of type {dtype} and shape {shape:?} cannot take {bytes} bytes"
        )));
    }
    Ok(Tensor { name, dtype, shape, range })
}

/// A header for tensors of the given sizes, one after another, padded with spaces so that the data begins on
/// `align` bytes. Names and keys must differ.
pub fn header<'a>(
    metadata: &[(String, String)],
    tensors: impl Iterator<Item = (&'a str, &'a str, &'a [u64], u64)>,
    align: usize,
) -> Vec<u8> {
    let mut out = vec![0; PREFIX as usize];
    let mut first = true;
    let mut member = |out: &mut Vec<u8>, name: &str| {
        out.push(if std::mem::take(&mut first) { b'{' } else { b',' });
        put(out, name);
        out.push(b':');
    };
    if !metadata.is_empty() {
        member(&mut out, METADATA);
        for (number, (key, value)) in metadata.iter().enumerate() {
            out.push(if number == 0 { b'{' } else { b',' });
            put(&mut out, key);
            out.push(b':');
            put(&mut out, value);
        }
        out.push(b'}');
    }
    let mut offset = 0;
    for (name, dtype, shape, bytes) in tensors {
        member(&mut out, name);
        put(&mut out, &Written { dtype, shape, data_offsets: (offset, offset + bytes) });
        offset += bytes;
    }
    if first {
        out.push(b'{');
    }
    out.push(b'}');
    out.resize(out.len().next_multiple_of(align), b' ');
    let length = out.len() as u64 - PREFIX;
    out[..PREFIX as usize].copy_from_slice(&length.to_le_bytes());
    out
}

/// What a header says of a tensor, in the order in which others write it.
#[derive(Serialize)]
struct Written<'a> {
    dtype: &'a str,
    shape: &'a [u64],
    data_offsets: (u64, u64),
}

fn put(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("memory takes texts and numbers");
}

#[cfg(test)]
mod tests;
