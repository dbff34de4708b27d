//! The two JSON companions: what a compressed tensor is, and what the source file was. `spec/container.md`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::json;

use crate::dtype::{Dtype, Element};
use crate::error::{Error, Result};
use crate::model::elements;

/// Format version that this build writes and the highest it reads.
pub const VERSION: &str = "1.0";
const MAJOR: u64 = 1;
const MINOR: u64 = 0;

/// Every companion and payload takes a multiple of this, so that everything begins on a cache line.
pub const ALIGN: usize = 64;

/// Describes one compressed tensor: the companion `NAME.xnc_meta`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Members")]
pub struct TensorMeta {
    /// Format version needed to read the tensor.
    pub version: String,
    /// The tensor's name, so that companions cannot be exchanged.
    pub name: String,
    /// Type of the source's elements.
    pub dtype: Element,
    /// Extents, outermost first.
    pub shape: Vec<u64>,
    /// BLAKE3 of the tensor's bytes, hexadecimal.
    pub blake3: String,
    /// How the payload is coded.
    #[serde(flatten)]
    pub storage: Storage,
}

/// Where the words are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Storage {
    /// In this tensor's payload.
    Coded {
        /// Codec name; checked apart from parsing, so that an unknown one is told by name.
        codec: String,
        /// Type of the coded words: that of the elements, or the one whose values these all are.
        words: Dtype,
        /// CRC-32C of the index companion, hexadecimal.
        index_crc32c: String,
        /// The codec's own numbers.
        params: Value,
    },
    /// In the payload of another tensor, whose bytes are the same.
    SameAs {
        /// That tensor.
        same_as: String,
    },
}

/// The metadata as it stands, before its members were found to go together.
#[derive(Deserialize)]
struct Members {
    version: String,
    name: String,
    dtype: String,
    shape: Vec<u64>,
    blake3: String,
    #[serde(default, deserialize_with = "present")]
    codec: Option<String>,
    #[serde(default, deserialize_with = "present")]
    words: Option<String>,
    #[serde(default, deserialize_with = "present")]
    index_crc32c: Option<String>,
    #[serde(default, deserialize_with = "present")]
    params: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "present")]
    same_as: Option<String>,
}

/// A member that stands is not null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl TryFrom<Members> for TensorMeta {
    type Error = String;

    fn try_from(found: Members) -> std::result::Result<TensorMeta, String> {
        let Members { version, name, dtype, shape, blake3, codec, words, index_crc32c, params, same_as } =
            found;
        let element = |name: &str| Element::from_name(name).ok_or_else(|| format!("unknown type `{name}`"));
        let dtype = element(&dtype)?;
        if shape.is_empty() || shape.contains(&0) || elements(&shape).is_none() {
            return Err(format!("the shape {shape:?} is that of no table"));
        }
        let storage = match (codec, words, index_crc32c, params, same_as) {
            (Some(codec), Some(words), Some(index_crc32c), Some(params), None) => {
                let unknown = || format!("words of type `{words}`");
                let words = element(&words)?.dtype().ok_or_else(unknown)?;
                Storage::Coded { codec, words, index_crc32c, params: Value::Object(params) }
            }
            (None, None, None, None, Some(same_as)) => Storage::SameAs { same_as },
            _ => return Err("members of a coded tensor are missing, or stand in a duplicate".into()),
        };
        Ok(TensorMeta { version, name, dtype, shape, blake3, storage })
    }
}

/// Records the source file: the companion `xnc.file`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Format version needed to restore the file.
    pub version: String,
    /// Format of the source, which is that of the compressed file.
    pub format: String,
    /// Size of the source in bytes.
    pub size: u64,
    /// SHA-256 of the source, hexadecimal.
    pub sha256: String,
    /// The bytes of the source outside all tensors, in order.
    pub outside: Vec<Piece>,
}

/// Bytes of the source that lie outside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Map<String, Value>")]
pub enum Piece {
    /// Kept here.
    Kept {
        /// How many.
        length: u64,
        /// Base64 of their zlib stream.
        zlib: String,
    },
    /// Those of this file's own key-value pairs (GGUF), which hold a whole vocabulary.
    Pairs {
        /// First byte, from the start of the pairs.
        from: u64,
        /// How many.
        length: u64,
    },
}

impl TryFrom<Map<String, Value>> for Piece {
    type Error = &'static str;

    fn try_from(mut members: Map<String, Value>) -> std::result::Result<Piece, &'static str> {
        let number = |name| members.get(name).and_then(Value::as_u64);
        let (from, length) = (number("from"), number("length"));
        match (members.len(), length, from, members.remove("zlib")) {
            (2, Some(length), None, Some(Value::String(zlib))) => Ok(Piece::Kept { length, zlib }),
            (2, Some(length), Some(from), None) => Ok(Piece::Pairs { from, length }),
            _ => Err("a piece of the source has other members than pieces have"),
        }
    }
}

/// Bytes before the text that the checksum covers: `{"crc32c":"01234567",`.
const CHECKED_FROM: usize = 21;

/// A companion's bytes: one JSON object whose first member is a CRC-32C of all bytes after that member,
/// spaces up to a multiple of 64.
pub fn seal<T: Serialize>(record: &T) -> Vec<u8> {
    let text = serde_json::to_string(record).expect("records are plain data");
    let mut bytes = format!("{{\"crc32c\":\"00000000\",{}", &text[1..]).into_bytes();
    bytes.resize(bytes.len().next_multiple_of(ALIGN), b' ');
    let check = format!("{:08x}", crc32c::crc32c(&bytes[CHECKED_FROM..]));
    bytes[CHECKED_FROM - 10..CHECKED_FROM - 2].copy_from_slice(check.as_bytes());
    bytes
}

/// Reads what [`seal`] wrote. `what` names the record in errors.
///
/// # Errors
/// [`Error::Corrupt`] when checksum or JSON are wrong, [`Error::UnsupportedVersion`] when the record is from
/// a newer format.
pub fn unseal<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T> {
    let check = bytes
        .strip_prefix(b"{\"crc32c\":\"")
        .and_then(|rest| rest.get(..10))
        .and_then(|text| text.strip_suffix(b"\","))
        .ok_or_else(|| Error::corrupt(format!("{what} does not begin with its checksum")))?;
    if check != format!("{:08x}", crc32c::crc32c(&bytes[CHECKED_FROM..])).as_bytes() {
        return Err(Error::corrupt(format!("checksum of {what} does not match its bytes")));
    }
    let version = bytes[CHECKED_FROM..]
        .strip_prefix(b"\"version\":\"")
        .and_then(|rest| str::from_utf8(&rest[..rest.iter().position(|&byte| byte == b'"')?]).ok())
        .ok_or_else(|| Error::corrupt(format!("{what} does not tell its version first")))?;
    check_version(what, version)?;
    let malformed = |e: serde_json::Error| Error::corrupt(format!("{what}: {e}"));
    // Twice through the text, so that what is known goes to its place and what is not takes no memory.
    json::check(bytes).map_err(malformed)?;
    serde_json::from_slice(bytes).map_err(malformed)
}

fn check_version(what: &str, version: &str) -> Result<()> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    let numbers = version.split_once('.').and_then(|(a, b)| Some((number(a)?, number(b)?)));
    match numbers {
        Some((MAJOR, 0..=MINOR)) => Ok(()),
        Some(_) => {
            Err(Error::UnsupportedVersion { what: what.into(), found: version.into(), supported: VERSION })
        }
        None => Err(Error::corrupt(format!("{what} has no version but `{version}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TensorMeta {
        TensorMeta {
            version: VERSION.into(),
            name: "a.weight".into(),
            dtype: Element::Bf16,
            shape: vec![3, 4],
            blake3: "00".repeat(32),
            storage: Storage::SameAs { same_as: "b.weight".into() },
        }
    }

    #[test]
    fn every_flipped_bit_of_a_record_is_found() {
        let sealed = seal(&record());
        assert_eq!(sealed.len() % ALIGN, 0);
        assert_eq!(unseal::<TensorMeta>("meta", &sealed).expect("unchanged"), record());
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<TensorMeta>("meta", &bad).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(unseal::<TensorMeta>("meta", &sealed[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn newer_versions_are_refused_by_name() {
        for version in ["1.1", "2.0"] {
            let newer = TensorMeta { version: version.into(), ..record() };
            let error = unseal::<TensorMeta>("tensor `a.weight`", &seal(&newer)).expect_err("newer");
            assert!(matches!(&error, Error::UnsupportedVersion { found, .. } if found == version));
            assert!(error.to_string().contains("a.weight"));
        }
    }
}
