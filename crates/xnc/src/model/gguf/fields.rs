//! The fields of a header, read in order.

use crate::error::{Error, Result};

/// Arrays of arrays are legal; real files have none. The limit keeps a hostile file off the stack.
const MAX_NESTING: u32 = 4;

/// Reads fields in order; every length is checked against the bytes that are there.
pub(super) struct Fields<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Fields<'a> {
    pub fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or_else(|| {
            let (there, at) = (self.bytes.len(), self.at);
            Error::corrupt(format!(
                "the file ends inside its GGUF header: {there} bytes are there, and the field at byte {at} takes \
                 {length} bytes; download the file again"
            ))
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }

    pub fn text(&mut self) -> Result<&'a str> {
        let (at, length) = (self.at, self.u64()?);
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| Error::corrupt_at(at as u64, "a GGUF name is not UTF-8"))
    }

    pub fn skip_value(&mut self, kind: u32, nesting: u32) -> Result<()> {
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
            } else if !matches!(element, STRING | ARRAY) {
                return Err(unknown(self.at, element));
            } else {
                // Each turn consumes at least the bytes of a length or fails, so the file's size bounds the
                // loop.
                for _ in 0..count {
                    self.skip_value(element, nesting + 1)?;
                }
            }
        } else {
            return Err(unknown(self.at, kind));
        }
        Ok(())
    }
}

/// A value of a type that the format does not have, or of arrays nested too deep.
pub(super) fn unknown(at: usize, kind: u32) -> Error {
    let what = if kind == ARRAY { "arrays nested too deep".into() } else { format!("unknown type {kind}") };
    Error::corrupt_at(at as u64, format!("a GGUF value of {what}"))
}

pub(super) const U32: u32 = 4;
pub(super) const STRING: u32 = 8;
pub(super) const ARRAY: u32 = 9;

fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
