//! The values of key-value pairs, for programs that run a model. Compressing needs none of them.

use super::GgufHeader;
use super::fields::{ARRAY, Fields, STRING, unknown};
use crate::error::{Error, Result};

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

impl<'a> Array<'a> {
    /// The values in their order.
    ///
    /// # Errors
    /// An item is [`Error::Corrupt`] when it is a text that is not UTF-8.
    pub fn values(self) -> impl Iterator<Item = Result<Value<'a>>> {
        let mut fields = Fields { bytes: self.bytes, at: 0 };
        (0..self.count).map(move |_| fields.value(self.element, self.nesting))
    }
}

impl GgufHeader {
    /// The key-value pairs in their order, read from `head`, the file's first bytes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the pairs are not those that this header was parsed from, or a text is not
    /// UTF-8.
    pub fn pairs<'a>(&self, head: &'a [u8]) -> Result<Vec<(&'a str, Value<'a>)>> {
        let bytes = head.get(..self.pair_bytes.end);
        let bytes = bytes.ok_or_else(|| Error::corrupt("the file ends inside its GGUF header"))?;
        let mut fields = Fields { bytes, at: self.pair_bytes.start };
        let mut pairs = Vec::new();
        for _ in 0..self.pairs {
            let key = fields.text()?;
            let kind = fields.u32()?;
            pairs.push((key, fields.value(kind, 0)?));
        }
        Ok(pairs)
    }
}

impl<'a> Fields<'a> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N as u64)?.try_into().expect("as many bytes as asked for"))
    }

    fn value(&mut self, kind: u32, nesting: u32) -> Result<Value<'a>> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.bytes()?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.bytes()?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.bytes()?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.bytes()?).into()),
            4 => Value::Unsigned(u32::from_le_bytes(self.bytes()?).into()),
            5 => Value::Signed(i32::from_le_bytes(self.bytes()?).into()),
            6 => Value::Float(f32::from_le_bytes(self.bytes()?).into()),
            7 => Value::Bool(self.bytes::<1>()? != [0]),
            STRING => Value::Text(self.text()?),
            10 => Value::Unsigned(u64::from_le_bytes(self.bytes()?)),
            11 => Value::Signed(i64::from_le_bytes(self.bytes()?)),
            12 => Value::Float(f64::from_le_bytes(self.bytes()?)),
            ARRAY => {
                let from = self.at;
                self.skip_value(kind, nesting)?;
                let mut fields = Fields { bytes: &self.bytes[from..self.at], at: 0 };
                let (element, count) = (fields.u32()?, fields.u64()?);
                Value::Array(Array {
                    element,
                    count,
                    nesting: nesting + 1,
                    bytes: &fields.bytes[fields.at..],
                })
            }
            _ => return Err(unknown(self.at, kind)),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::model::gguf::{Value, header};
    use crate::model::{Header, Layout};

    /// A header with one pair of each kind that models use.
    fn file() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(4u64.to_le_bytes());
        let mut pair = |key: &str, kind: u32, value: &[u8]| {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key.as_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(value);
        };
        pair("count", 4, &7u32.to_le_bytes());
        pair("base", 6, &0.5f32.to_le_bytes());
        pair("flag", 7, &[1]);
        let array = [
            &8u32.to_le_bytes()[..],
            &2u64.to_le_bytes(),
            &1u64.to_le_bytes(),
            b"a",
            &2u64.to_le_bytes(),
            b"bc",
        ];
        pair("tokens", 9, &array.concat());
        bytes
    }

    #[test]
    fn values_come_back() {
        let file = file();
        let layout = Layout::parse(&file, file.len() as u64).expect("parses");
        let Header::Gguf(gguf) = layout.header() else { panic!("a GGUF header") };
        let expected = gguf.pairs(&file).expect("reads");
        let scalars =
            [("count", Value::Unsigned(7)), ("base", Value::Float(0.5)), ("flag", Value::Bool(true))];
        assert_eq!(expected[..3], scalars);
        let ("tokens", Value::Array(tokens)) = &expected[3] else { panic!("an array") };
        let tokens = tokens.values().collect::<Result<Vec<_>, _>>().expect("reads");
        assert_eq!(tokens, [Value::Text("a"), Value::Text("bc")]);
        assert!(gguf.pairs(&file[..file.len() - 1]).is_err());
        let copied = header(&file, gguf, &[], std::iter::empty(), 64);
        let layout = Layout::parse(&copied, copied.len() as u64).expect("parses");
        let Header::Gguf(gguf) = layout.header() else { panic!("a GGUF header") };
        assert_eq!(gguf.pairs(&copied).expect("reads")[..4], expected);
    }
}
