//! JSON as records have it: names that stand once, natural numbers, no depth that asks for a deep stack.
//! `spec/container.md`, section 2.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Objects and lists that stand in each other at most.
const DEEPEST: u32 = 64;

/// Goes through a text and keeps nothing.
///
/// # Errors
/// Where the text is no JSON, or none that a record has.
pub fn check(text: &[u8]) -> serde_json::Result<()> {
    let mut text = serde_json::Deserializer::from_slice(text);
    Value { around: 0 }.deserialize(&mut text)?;
    text.end()
}

/// Any value, inside so many others.
#[derive(Clone, Copy)]
struct Value {
    around: u32,
}

impl Value {
    fn inner<E: Error>(self) -> Result<Value, E> {
        let around = self.around + 1;
        if around > DEEPEST { Err(E::custom("it is too deep")) } else { Ok(Value { around }) }
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Numbers that are no natural ones of 64 bits have no method here, so they are refused.
impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a record")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while list.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let (inner, mut names) = (self.inner()?, HashSet::new());
        while let Some(name) = object.next_key::<String>()? {
            object.next_value_seed(inner)?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("`{name}` stands twice in an object")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_records_do_not_have_is_refused() {
        let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        for good in ["{}", r#"{"a":[1,"b",null,true,{"a":0}]}"#, "18446744073709551615", " 0\n"] {
            check(good.as_bytes()).expect(good);
        }
        check(&deep(64)).expect("as deep as allowed");
        check(&deep(65)).expect_err("deeper");
        check(&deep(1 << 20)).expect_err("much deeper");
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"[{"a":{"b":0,"b":0}}]"#,
            r#"{"a":1,"\u0061":1}"#,
            "-1",
            "-0",
            "1.0",
            "1e2",
            "18446744073709551616",
            r#""\ud800""#,
            "{} {}",
            "{",
            "[1,]",
            "NaN",
        ] {
            check(bad.as_bytes()).expect_err(bad);
        }
    }
}
