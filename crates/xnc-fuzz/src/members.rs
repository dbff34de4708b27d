//! Edits of JSON that stays JSON, nearly: members of objects taken out, told twice, exchanged, or with other
//! values.

use std::ops::Range;

use crate::choices::Choices;
use crate::edit;

/// Values that readers may take for others.
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "1",
    "-0",
    "-1",
    "1.0",
    "1e0",
    "01",
    "64",
    "4096",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "NaN",
    "\"\"",
    "\"1.0\"",
    "\"+1.0\"",
    "\"1.00\"",
    "\"01.0\"",
    "\"1.1\"",
    "\"1\"",
    "\"1.0 \"",
    "\"BF16\"",
    "\"F16\"",
    "\"F32\"",
    "\"I8\"",
    "\"U8\"",
    "\"bf16\"",
    "\"fast\"",
    "\"xnc\"",
    "\"dense\"",
    "\"safetensors\"",
    "\"gguf\"",
    "\"a\"",
    "\"c\"",
    "\"\\u0061\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\u0000\"",
    "\"\u{7f}\"",
    "[]",
    "[0]",
    "[80,24]",
    "[1920]",
    "[24,80]",
    "[1,1920,1]",
    "[80,24,0]",
    "[80,24,1]",
    "[0,64]",
    "{}",
    "{\"a\":1}",
    "{\"a\":1,\"a\":1}",
    "{\"BF16\":null}",
    "{\"bits\":0}",
    "{\"predicted\":true}",
    "{\"predicted\":false}",
    "{\"align\":1,\"page\":0}",
    "{\"align\":64,\"page\":4096}",
    "{\"page\":0,\"align\":2}",
];
/// Names that members have.
const NAMES: &[&str] = &[
    "version",
    "name",
    "dtype",
    "shape",
    "blake3",
    "codec",
    "words",
    "index_crc32c",
    "params",
    "same_as",
    "format",
    "size",
    "sha256",
    "outside",
    "crc32c",
    "x",
    "",
    "length",
    "zlib",
    "from",
    "bits",
    "data_offsets",
    "__metadata__",
    "ve\\u0072sion",
    "a.xnc_meta",
    "a",
    "p",
];

/// One member of an object, as places in its text: the name with its quotes, the value.
type Member = (Range<usize>, Range<usize>);

/// The text with one edit; `other` is a text to take a value from. None where the text is no object.
pub fn edited(text: &[u8], other: &[u8], choices: &mut Choices<'_>) -> Option<Vec<u8>> {
    let members = members(text, 0)?;
    let inner: Vec<&Member> = members.iter().filter(|member| text[member.1.start] == b'{').collect();
    if !inner.is_empty() && !choices.byte().is_multiple_of(4) {
        // Deeper: params, or what a header says of a tensor.
        let (_, value) = choices.one(&inner);
        let new = edited(&text[value.clone()], other, choices)?;
        return Some([&text[..value.start], &new, &text[value.end..]].concat());
    }
    let mut list: Vec<(Vec<u8>, Vec<u8>)> = members
        .iter()
        .map(|(name, value)| (text[name.clone()].to_vec(), text[value.clone()].to_vec()))
        .collect();
    // The first two members of a record are its checksum and version, where little else can be tried.
    let first = if choices.byte().is_multiple_of(8) { 0 } else { list.len().saturating_sub(1).min(2) };
    let at = first + choices.below(list.len() - first);
    let value = value(&list, other, choices);
    let name = format!("\"{}\"", choices.one(NAMES)).into_bytes();
    match choices.byte() % 16 {
        0 if !list.is_empty() => drop(list.remove(at)),
        1 => list.insert(at, (name, value)),
        2 => list.push((name, value)),
        3 if !list.is_empty() => {
            let (name, _) = list[at].clone();
            list.push((name, value));
        }
        4 if !list.is_empty() => list[at].0 = name,
        5 => {
            let to = choices.below(list.len());
            if to < list.len() {
                list.swap(at, to);
            }
        }
        _ if !list.is_empty() => list[at].1 = value,
        _ => list.push((name, value)),
    }
    let blank: &[u8] =
        if choices.byte() == 1 { choices.one(&[&b" "[..], b"\n", b"\t", b"\x0b", b"\xff"]) } else { b"" };
    let joined: Vec<Vec<u8>> =
        list.iter().map(|(name, value)| [name, &b":"[..], blank, value].concat()).collect();
    Some([&b"{"[..], &joined.join(&b","[..]), b"}", blank].concat())
}

/// A value: one of those above, one of the text's own or of another's, one with another number, or a deep one.
fn value(list: &[(Vec<u8>, Vec<u8>)], other: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let own = |choices: &mut Choices<'_>| list.get(choices.below(list.len())).map(|member| member.1.clone());
    let found = match choices.byte() % 8 {
        0 | 1 => own(choices),
        2 => members(other, 0).and_then(|members| {
            members.get(choices.below(members.len())).map(|member| other[member.1.clone()].to_vec())
        }),
        3 | 4 => own(choices).map(|value| {
            // A number in a value counts from behind a mark.
            let mut text = [b":", &value[..]].concat();
            edit::number(&mut text, choices);
            text.split_off(1)
        }),
        5 if choices.byte().is_multiple_of(4) => {
            let deep = choices.below(90);
            Some([vec![b'['; deep], b"1".to_vec(), vec![b']'; deep]].concat())
        }
        _ => None,
    };
    found.unwrap_or_else(|| choices.one(VALUES).as_bytes().to_vec())
}

/// The members of the object that begins at `at`.
fn members(text: &[u8], at: usize) -> Option<Vec<Member>> {
    let mut at = (text.get(at)? == &b'{').then_some(at + 1)?;
    let mut members = Vec::new();
    while text.get(at)? != &b'}' {
        let name = at..string_end(text, at)?;
        (text.get(name.end)? == &b':').then_some(())?;
        let value = name.end + 1..value_end(text, name.end + 1)?;
        at = value.end + usize::from(text.get(value.end)? == &b',');
        members.push((name, value));
    }
    Some(members)
}

fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut end = (text.get(at)? == &b'"').then_some(at + 1)?;
    while text.get(end)? != &b'"' {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    Some(end + 1)
}

fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => (depth, at) = (depth - 1, at + 1),
            _ => at += 1,
        }
        if depth == 0 && matches!(text.get(at)?, b',' | b'}' | b']') {
            return Some(at);
        }
    }
}
