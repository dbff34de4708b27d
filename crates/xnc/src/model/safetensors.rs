//! The safetensors header: 8 bytes of length, then JSON. Reading is stricter than the reference crate in one point: a name
//! that stands twice is an error. Reading our own also keeps the order of names and needs only a prefix of the file.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::{Format, Header, Layout, Tensor};
use crate::error::{Error, Result};

/// Longest header that the reference implementation accepts.
pub const MAX_HEADER: u64 = 100_000_000;
/// Bytes before the JSON.
pub const PREFIX: u64 = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The JSON object in its own order, names unique.
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
        let mut header = Json { metadata: Vec::new(), tensors: Vec::new() };
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("`{name}` stands twice")));
            }
            if name == "__metadata__" {
                header.metadata = map.next_value::<Pairs>()?.0;
            } else {
                header.tensors.push((name, map.next_value()?));
            }
        }
        Ok(header)
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
    let not_a_model = |reason: String| Error::NotAModel { reason };
    let Some((length, json)) = head.split_first_chunk::<8>() else {
        return Err(not_a_model(format!("{} bytes are too few for a header", head.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER || length > file_bytes.saturating_sub(PREFIX) {
        return Err(not_a_model(format!(
            "a header of {length} bytes does not fit a file of {file_bytes} bytes"
        )));
    }
    let json = json.get(..length as usize).ok_or_else(|| not_a_model("the header is cut short".into()))?;
    if json.first() != Some(&b'{') {
        return Err(not_a_model("the header is not a JSON object".into()));
    }
    let json: Json = serde_json::from_slice(json).map_err(|e| not_a_model(format!("header: {e}")))?;

    let data = PREFIX + length;
    let mut tensors = Vec::with_capacity(json.tensors.len());
    for (name, info) in json.tensors {
        let (begin, end) = info.data_offsets;
        if begin > end || end > file_bytes - data {
            return Err(Error::corrupt(format!(
                "tensor `{name}` spans {begin}..{end} of {} data bytes",
                file_bytes - data
            )));
        }
        // Checked, because a restorer parses headers of files that are longer than what is there.
        let stored_bits = (end - begin).checked_mul(8);
        let elements = info.shape.iter().try_fold(1u64, |n, &axis| n.checked_mul(axis));
        let bits =
            elements.and_then(|n| element_bits(&info.dtype).map_or(stored_bits, |bits| n.checked_mul(bits)));
        if bits.is_none() || bits != stored_bits {
            return Err(Error::corrupt(format!(
                "tensor `{name}` of type {} and shape {:?} cannot take {} bytes",
                info.dtype,
                info.shape,
                end - begin
            )));
        }
        tensors.push(Tensor { name, dtype: info.dtype, shape: info.shape, range: data + begin..data + end });
    }
    // Stable, so that tensors without bytes keep the header's order.
    tensors.sort_by_key(|tensor| (tensor.range.start, tensor.range.end));
    let mut end = data;
    for tensor in &tensors {
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
    if end != file_bytes {
        return Err(Error::corrupt_at(end, format!("{} bytes follow the last tensor", file_bytes - end)));
    }
    Ok(Layout { format: Format::Safetensors, tensors, header: Header::Safetensors(json.metadata) })
}

/// Whether a file that begins like this is meant to be one, whole or not.
pub fn may_begin(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| length <= MAX_HEADER)
        && head.get(PREFIX as usize).is_none_or(|&first| first == b'{')
}

/// A header for tensors of the given sizes, one after another, padded with spaces so that the data begins on `align` bytes.
pub fn header<'a>(
    metadata: &[(String, String)],
    tensors: impl Iterator<Item = (&'a str, &'a str, &'a [u64], u64)>,
    align: usize,
) -> Vec<u8> {
    let mut json = serde_json::Map::new();
    if !metadata.is_empty() {
        let pairs = metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        json.insert("__metadata__".into(), serde_json::Value::Object(pairs.collect()));
    }
    let mut offset = 0;
    for (name, dtype, shape, bytes) in tensors {
        let info =
            serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + bytes]});
        json.insert(name.into(), info);
        offset += bytes;
    }
    let mut text = serde_json::Value::Object(json).to_string().into_bytes();
    let padded = (text.len() + PREFIX as usize).next_multiple_of(align) - PREFIX as usize;
    text.resize(padded, b' ');
    [&(padded as u64).to_le_bytes(), text.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(json: &str, data: usize) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.resize(bytes.len() + data, 7);
        bytes
    }

    fn parse_all(bytes: &[u8]) -> Result<Layout> {
        parse(bytes, bytes.len() as u64)
    }

    #[test]
    fn hostile_headers_are_refused() {
        let bad = [
            (
                r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
                2,
                "twice",
            ),
            (r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0, "twice"),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#, 3, "hole"),
            (
                r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
                3,
                "overlaps",
            ),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, 3, "follow"),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}"#, 3, "spans"),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,9]}}"#, 3, "spans"),
            (r#"{"a":{"dtype":"U16","shape":[2],"data_offsets":[0,2]}}"#, 2, "cannot take"),
            (
                r#"{"a":{"dtype":"BF16","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
                0,
                "cannot take",
            ),
            (
                r#"{"a":{"dtype":"BF16","shape":[9223372036854775808,2],"data_offsets":[0,0]}}"#,
                0,
                "cannot take",
            ),
            (r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}"#, 0, "header"),
            (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}"#, 1, "header"),
            (r#"{} x"#, 0, "header"),
            ("[]", 0, "object"),
            ("", 0, "object"),
        ];
        for (json, data, says) in bad {
            let error = parse_all(&file(json, data)).expect_err(json).to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
        for length in [u64::MAX, MAX_HEADER + 1, 50] {
            let bytes = [&length.to_le_bytes()[..], b"{}"].concat();
            assert!(parse_all(&bytes).is_err());
        }
        assert!(parse_all(b"1234567").is_err());
        assert!(parse_all(&[]).is_err());
    }

    #[test]
    fn what_we_write_the_reference_crate_reads_and_so_do_we() {
        let metadata = vec![("format".to_string(), "pt".to_string())];
        let tensors: [(&str, &str, &[u64], u64); 3] =
            [("z", "U8", &[64], 64), ("empty", "F16", &[0, 4], 0), ("a\"b", "BF16", &[2, 3], 12)];
        let mut bytes = header(&metadata, tensors.iter().copied(), 64);
        assert_eq!(bytes.len() % 64, 0);
        bytes.resize(bytes.len() + 76, 1);
        let layout = parse_all(&bytes).expect("our own header");
        let reference = safetensors::SafeTensors::deserialize(&bytes).expect("the reference crate reads it");
        assert_eq!(layout.tensors.len(), reference.len());
        for tensor in &layout.tensors {
            let view = reference.tensor(&tensor.name).expect("same names");
            assert_eq!(view.shape().iter().map(|&n| n as u64).collect::<Vec<_>>(), tensor.shape);
            assert_eq!(view.data(), &bytes[tensor.range.start as usize..tensor.range.end as usize]);
        }
        assert!(matches!(layout.header, Header::Safetensors(pairs) if pairs == metadata));
    }
}
