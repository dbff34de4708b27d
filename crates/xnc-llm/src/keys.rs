//! The key-value pairs of a GGUF file, read from its first bytes.

use std::collections::HashMap;

use crate::error::{Error, Result};

/// Arrays of arrays are legal; real files have none. The limit keeps a hostile file off the stack.
const MAX_NESTING: u32 = 4;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Key-value pairs of a file, borrowed from it.
#[derive(Default)]
pub struct Keys<'f>(HashMap<&'f str, Value<'f>>);

/// The value of a key, borrowed from the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// F32 or F64.
    Float(f64),
    /// A truth value; any byte but zero is true.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// Values of one type.
    Array(Array<'a>),
}

/// The values of an array, read when asked for: a vocabulary has hundreds of thousands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Array<'a> {
    element: u32,
    count: u64,
    nesting: u32,
    bytes: &'a [u8],
}

impl<'f> Keys<'f> {
    /// Reads the pairs of a file that begins with `head`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when these are no pairs of a GGUF file.
    pub fn read(head: &'f [u8]) -> Result<Keys<'f>> {
        let malformed = || Error::Unsupported("its GGUF keys cannot be read".into());
        let read = || -> Option<Keys<'f>> {
            // Magic, version and number of tensors come before the number of pairs.
            let mut fields = Fields(head.get(16..)?);
            let pairs = fields.u64()?;
            let pair = |_| Some((fields.text()?, fields.typed()?));
            (0..pairs).map(pair).collect::<Option<_>>().map(Keys)
        };
        read().ok_or_else(malformed)
    }

    /// A whole number, if the key is there.
    pub fn number(&self, key: &str) -> Result<Option<usize>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(n)) if u32::try_from(*n).is_ok() => Ok(Some(*n as usize)),
            Some(Value::Signed(n)) if u32::try_from(*n).is_ok() => Ok(Some(*n as usize)),
            Some(_) => Err(wrong(key, "is no number below 2^32")),
        }
    }

    /// A real number, if the key is there.
    pub fn real(&self, key: &str) -> Result<Option<f32>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Float(x)) => Ok(Some(*x as f32)),
            Some(_) => Err(wrong(key, "is no real number")),
        }
    }

    /// A truth value, if the key is there.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(key, "is no truth value")),
        }
    }

    /// A text, if the key is there.
    pub fn text(&self, key: &str) -> Result<Option<&'f str>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "is no text")),
        }
    }

    /// An array, each element read by `read`.
    pub fn array<T>(&self, key: &str, read: impl Fn(Value<'f>) -> Option<T>) -> Result<Vec<T>> {
        match self.0.get(key) {
            None => Err(wrong(key, "is missing")),
            Some(Value::Array(array)) => {
                let values = array.values().map(|value| value.and_then(&read));
                let values: Option<Vec<T>> = values.collect();
                values.ok_or_else(|| wrong(key, "holds values of another type"))
            }
            Some(_) => Err(wrong(key, "is no array")),
        }
    }
}

/// The value, or an error that names the key.
pub(crate) fn required<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| wrong(key, "is missing"))
}

fn wrong(key: &str, what: &'static str) -> Error {
    Error::Key { key: key.into(), what }
}

impl<'a> Array<'a> {
    /// The values in their order; none for one that is malformed.
    fn values(self) -> impl Iterator<Item = Option<Value<'a>>> {
        let mut fields = Fields(self.bytes);
        (0..self.count).map(move |_| fields.value(self.element, self.nesting))
    }
}

/// Reads fields in order; none where bytes are missing.
#[derive(Clone)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        self.0.split_off(..usize::try_from(length).ok()?)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N as u64)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u64()?;
        str::from_utf8(self.take(length)?).ok()
    }

    /// A value behind its type.
    fn typed(&mut self) -> Option<Value<'a>> {
        let kind = self.u32()?;
        self.value(kind, 0)
    }

    fn value(&mut self, kind: u32, nesting: u32) -> Option<Value<'a>> {
        Some(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.bytes()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Unsigned(self.u32()?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            STRING => Value::Text(self.text()?),
            10 => Value::Unsigned(self.u64()?),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            ARRAY if nesting < MAX_NESTING => {
                let (element, count) = (self.u32()?, self.u64()?);
                let from = self.0;
                match scalar_bytes(element) {
                    Some(size) => drop(self.take(count.checked_mul(size)?)?),
                    // Each turn consumes at least the bytes of a length or ends, so the file's size bounds the loop.
                    None => (0..count).try_for_each(|_| self.skip(element, nesting + 1))?,
                }
                let bytes = &from[..from.len() - self.0.len()];
                Value::Array(Array { element, count, nesting: nesting + 1, bytes })
            }
            _ => return None,
        })
    }

    fn skip(&mut self, kind: u32, nesting: u32) -> Option<()> {
        if kind == STRING {
            let length = self.u64()?;
            return self.take(length).map(drop);
        }
        self.value(kind, nesting).map(drop)
    }
}

fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one pair of each kind that models use.
    fn head() -> Vec<u8> {
        let mut bytes =
            [&b"GGUF"[..], &3u32.to_le_bytes(), &0u64.to_le_bytes(), &4u64.to_le_bytes()].concat();
        let mut pair = |key: &str, kind: u32, value: &[u8]| {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key.as_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(value);
        };
        pair("count", 4, &7u32.to_le_bytes());
        pair("base", 6, &0.5f32.to_le_bytes());
        pair("flag", 7, &[1]);
        let texts = [&1u64.to_le_bytes()[..], b"a", &2u64.to_le_bytes(), b"bc"].concat();
        pair("tokens", ARRAY, &[&STRING.to_le_bytes()[..], &2u64.to_le_bytes(), &texts].concat());
        bytes
    }

    #[test]
    fn values_come_back_and_a_cut_file_does_not() {
        let head = head();
        let keys = Keys::read(&head).expect("reads");
        assert_eq!(keys.number("count").expect("a number"), Some(7));
        assert_eq!(keys.real("base").expect("a number"), Some(0.5));
        assert_eq!(keys.flag("flag").expect("a truth value"), Some(true));
        let text =
            |value: Value<'_>| if let Value::Text(text) = value { Some(text.to_owned()) } else { None };
        assert_eq!(keys.array("tokens", text).expect("texts"), ["a", "bc"]);
        assert!(keys.number("base").is_err() && keys.array("flag", Some).is_err());
        for length in 0..head.len() {
            assert!(Keys::read(&head[..length]).is_err(), "{length} bytes");
        }
    }
}
