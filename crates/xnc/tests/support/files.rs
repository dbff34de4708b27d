//! Model files in memory, written here from the formats' own definitions and not with the library that reads
//! them.

use serde_json::{Map, Value, json};

/// A tensor to put into a file: name, type, shape, bytes.
pub type Tensor<'a> = (&'a str, &'a str, Vec<u64>, Vec<u8>);

/// The length and the header of a safetensors file with tensors of these names, types, shapes and sizes, in
/// this order, filled with spaces so that the data begins on a multiple of `align`.
pub fn safetensors_header<'a>(
    metadata: &[(&str, &str)],
    tensors: impl IntoIterator<Item = (&'a str, &'a str, Vec<u64>, u64)>,
    align: usize,
) -> Vec<u8> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        let pairs = metadata.iter().map(|&(key, value)| (key.to_owned(), Value::from(value))).collect();
        header.insert("__metadata__".into(), Value::Object(pairs));
    }
    let mut end = 0;
    for (name, dtype, shape, bytes) in tensors {
        let info = json!({"dtype": dtype, "shape": shape, "data_offsets": [end, end + bytes]});
        assert!(header.insert(name.into(), info).is_none(), "{name} stands twice");
        end += bytes;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize((8 + text.len()).next_multiple_of(align) - 8, b' ');
    [&(text.len() as u64).to_le_bytes()[..], &text].concat()
}

/// A safetensors file.
pub fn safetensors_file(tensors: &[Tensor<'_>]) -> Vec<u8> {
    let infos =
        tensors.iter().map(|(name, dtype, shape, bytes)| (*name, *dtype, shape.clone(), bytes.len() as u64));
    let mut file = safetensors_header(&[("format", "pt")], infos, 8);
    tensors.iter().for_each(|(.., bytes)| file.extend_from_slice(bytes));
    file
}

/// ggml's numbers of the types that tests use.
fn ggml_type(name: &str) -> u32 {
    match name {
        "F32" => 0,
        "F16" => 1,
        "Q8_0" => 8,
        "I8" => 24,
        "BF16" => 30,
        _ => panic!("no number is known here for the ggml type {name}"),
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A GGUF v3 file with a few pairs of every kind, an alignment if asked for, and bytes after the last tensor.
pub fn gguf_file(tensors: &[Tensor<'_>], alignment: Option<u32>) -> Vec<u8> {
    gguf_file_with(&[], tensors, alignment)
}

/// As [`gguf_file`], with more pairs of strings at the end of the others.
pub fn gguf_file_with(more: &[(&str, &str)], tensors: &[Tensor<'_>], alignment: Option<u32>) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend_from_slice(&3u32.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(3 + more.len() as u64 + u64::from(alignment.is_some())).to_le_bytes());
    text(&mut out, "general.architecture");
    out.extend_from_slice(&8u32.to_le_bytes());
    text(&mut out, "llama");
    if let Some(alignment) = alignment {
        text(&mut out, "general.alignment");
        out.extend_from_slice(&4u32.to_le_bytes());
        out.extend_from_slice(&alignment.to_le_bytes());
    }
    text(&mut out, "tokenizer.ggml.tokens");
    out.extend_from_slice(&[9u32.to_le_bytes(), 8u32.to_le_bytes()].concat());
    out.extend_from_slice(&2u64.to_le_bytes());
    text(&mut out, "<s>");
    text(&mut out, "ü");
    text(&mut out, "llama.rope.freq_base");
    out.extend_from_slice(&6u32.to_le_bytes());
    out.extend_from_slice(&10000f32.to_le_bytes());
    for (key, value) in more {
        text(&mut out, key);
        out.extend_from_slice(&8u32.to_le_bytes());
        text(&mut out, value);
    }
    let alignment = u64::from(alignment.unwrap_or(32));
    let mut offset = 0u64;
    for (name, dtype, shape, bytes) in tensors {
        text(&mut out, name);
        out.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|axis| out.extend_from_slice(&axis.to_le_bytes()));
        out.extend_from_slice(&ggml_type(dtype).to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset = (offset + bytes.len() as u64).next_multiple_of(alignment);
    }
    for (.., bytes) in tensors {
        // Padding that is not zero must come back too.
        out.resize(out.len().next_multiple_of(alignment as usize), 0xa5);
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(b"tail");
    out
}
