//! Model files written from descriptions, as other programs write them: any alignment, padding that is not
//! zero, keys that stand twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A tensor to put into a file: name, type, shape, bytes.
pub type Tensor = (String, &'static str, Vec<u64>, Vec<u8>);

/// A safetensors file. The header is padded no further than the format asks for.
pub fn safetensors(metadata: &[(String, String)], tensors: &[Tensor]) -> Vec<u8> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), json!(metadata.iter().cloned().collect::<BTreeMap<_, _>>()));
    }
    let mut end = 0;
    for (name, dtype, shape, bytes) in tensors {
        let offsets = [end, end + bytes.len()];
        header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
        end += bytes.len();
    }
    let mut json = Value::from(header).to_string().into_bytes();
    json.resize(json.len().next_multiple_of(8), b' ');
    let head = [&(json.len() as u64).to_le_bytes()[..], &json].concat();
    tensors.iter().fold(head, |file, (.., bytes)| [&file[..], bytes].concat())
}

/// A GGUF file of that version, its tensors on `alignment` bytes, the holes filled with `padding`.
pub fn gguf(
    version: u32,
    alignment: u32,
    metadata: &[(String, String)],
    tensors: &[Tensor],
    padding: u8,
) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(metadata.len() as u64 + 1).to_le_bytes());
    for (key, value) in metadata {
        put_text(&mut out, key);
        out.extend_from_slice(&8u32.to_le_bytes()); // a text
        put_text(&mut out, value);
    }
    put_text(&mut out, "general.alignment");
    out.extend_from_slice(&4u32.to_le_bytes()); // a u32
    out.extend_from_slice(&alignment.to_le_bytes());
    let align = alignment as usize;
    let mut offset = 0;
    for (name, dtype, shape, bytes) in tensors {
        put_text(&mut out, name);
        out.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|axis| out.extend_from_slice(&axis.to_le_bytes()));
        out.extend_from_slice(&type_id(dtype).to_le_bytes());
        out.extend_from_slice(&(offset as u64).to_le_bytes());
        offset = (offset + bytes.len()).next_multiple_of(align);
    }
    for (.., bytes) in tensors {
        out.resize(out.len().next_multiple_of(align), padding);
        out.extend_from_slice(bytes);
    }
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The number by which GGUF knows a type.
fn type_id(dtype: &str) -> u32 {
    match dtype {
        "F32" => 0,
        "F16" => 1,
        "I8" => 24,
        "BF16" => 30,
        other => panic!("descriptions name no type {other}"),
    }
}
