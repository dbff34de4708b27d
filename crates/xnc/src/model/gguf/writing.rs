//! A header written anew, around the pairs of another.

use super::fields::{STRING, U32};
use super::{ALIGNMENT_KEY, GgufHeader, MAGIC, type_id};

/// A header for tensors of the given sizes, laid out one after another on `alignment` bytes, a power of two
/// of at most [`super::MAX_ALIGNMENT`]. It has the pairs of `source`, the alignment replaced, and the text
/// pairs of `extra` appended, but for keys that stand already. `head` is the file that `source` was read
/// from.
pub fn header<'a>(
    head: &[u8],
    source: &GgufHeader,
    extra: &[(String, String)],
    tensors: impl ExactSizeIterator<Item = (&'a str, &'a str, &'a [u64], u64)>,
    alignment: u64,
) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    let taken = source.keys(head);
    let extra: Vec<_> = extra.iter().filter(|(key, _)| !taken.contains(&key.as_str())).collect();
    let added = extra.len() as u64 + u64::from(source.alignment_value.is_none());
    out.extend_from_slice(&source.version.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&(source.pairs + added).to_le_bytes());
    let pairs_at = out.len();
    out.extend_from_slice(&head[source.pair_bytes.clone()]);
    let value = (alignment as u32).to_le_bytes();
    if let Some(at) = &source.alignment_value {
        let at = at.start - source.pair_bytes.start + pairs_at;
        out[at..at + 4].copy_from_slice(&value);
    } else {
        put_text(&mut out, ALIGNMENT_KEY);
        out.extend_from_slice(&U32.to_le_bytes());
        out.extend_from_slice(&value);
    }
    for (key, text) in extra {
        put_text(&mut out, key);
        out.extend_from_slice(&STRING.to_le_bytes());
        put_text(&mut out, text);
    }
    let mut offset = 0u64;
    for (name, dtype, shape, bytes) in tensors {
        put_text(&mut out, name);
        out.extend_from_slice(&(shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|axis| out.extend_from_slice(&axis.to_le_bytes()));
        out.extend_from_slice(&type_id(dtype).expect("types come from a parsed file").to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        offset = (offset + bytes).next_multiple_of(alignment);
    }
    out.resize(out.len().next_multiple_of(alignment as usize), 0);
    out
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
