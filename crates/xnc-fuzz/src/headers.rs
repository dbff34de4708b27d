//! The two parsers: any bytes, any claimed file size; what they accept must lie in the file, apart, and be
//! what others read.

use xnc::internals::{parse_header, write_like};

use crate::choices::Choices;
use crate::{GOLDEN_GGUF, GOLDEN_SAFETENSORS, Stand, edit};

/// Files up to this size are made whole; of others only the header is looked at.
const SMALL: u64 = 1 << 16;

/// Target `safetensors`.
pub fn safetensors(data: &[u8]) {
    let mut choices = Choices(data);
    let json = match choices.byte() % 2 {
        // Bytes as they come, for libFuzzer; no random text is JSON.
        0 => choices.0.to_vec(),
        _ => {
            let length = u64::from_le_bytes(*GOLDEN_SAFETENSORS.first_chunk().expect("a file"));
            let mut json = GOLDEN_SAFETENSORS[8..8 + length as usize].trim_ascii_end().to_vec();
            edit::apply_some(&mut json, &mut choices, 8);
            json
        }
    };
    let head = [&(json.len() as u64).to_le_bytes()[..], &json].concat();
    // The size decides over the last tensor, so the sizes that fit are those where some tensor ends.
    for data_bytes in ends(&json).into_iter().chain([0, u64::MAX - head.len() as u64]) {
        let size = data_bytes.saturating_add(head.len() as u64);
        let Ok(tensors) = parse_header(&head, size) else { continue };
        let end = apart(&tensors, head.len() as u64, size);
        let bytes: u64 = tensors.iter().map(length).sum();
        assert_eq!((end, bytes), (size, data_bytes), "tensors and nothing else");
        if size < SMALL {
            let file = filled(&head, size);
            the_reference_agrees(&tensors, &file);
            again(&tensors, &file);
        }
    }
}

/// The numbers in a text, a few, largest first.
fn ends(json: &[u8]) -> Vec<u64> {
    let numbers = json.split(|byte| !byte.is_ascii_digit());
    let mut all: Vec<u64> = numbers.filter_map(|digits| str::from_utf8(digits).ok()?.parse().ok()).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    all.truncate(4);
    all
}

/// What we accept, the safetensors crate accepts, but for types that it does not know.
fn the_reference_agrees(tensors: &[Stand], file: &[u8]) {
    match ::safetensors::SafeTensors::deserialize(file) {
        Ok(reference) => {
            assert_eq!(reference.len(), tensors.len());
            for tensor in tensors {
                let view = reference.tensor(&tensor.0).expect("same names");
                assert_eq!(view.data().len() as u64, length(tensor), "{}", tensor.0);
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("unknown variant"), "only we accept this: {error}");
        }
    }
}

/// Target `gguf`.
pub fn gguf(data: &[u8]) {
    let mut choices = Choices(data);
    let head = match choices.byte() % 4 {
        0 => [b"GGUF", choices.0].concat(),
        _ => {
            let tensors = parse_header(GOLDEN_GGUF, GOLDEN_GGUF.len() as u64).expect("a good file");
            let first = tensors.iter().map(|tensor| tensor.3.start).min().expect("tensors");
            let mut head = GOLDEN_GGUF[..first as usize].to_vec();
            edit::apply_some(&mut head, &mut choices, 8);
            head
        }
    };
    for size in [head.len() as u64, GOLDEN_GGUF.len() as u64, 1 << 40, u64::MAX] {
        let size = size.max(head.len() as u64);
        let Ok(tensors) = parse_header(&head, size) else { continue };
        apart(&tensors, 24, size);
        if size < SMALL {
            again(&tensors, &filled(&head, size));
        }
    }
}

/// A file of that header and size whose other bytes tell where they stand.
fn filled(head: &[u8], size: u64) -> Vec<u8> {
    (0..size as usize).map(|at| head.get(at).copied().unwrap_or(at as u8 ^ (at >> 8) as u8)).collect()
}

fn length(tensor: &Stand) -> u64 {
    tensor.3.end - tensor.3.start
}

/// Tensors lie in order behind the header, apart and inside the file. Gives where the last one ends.
fn apart(tensors: &[Stand], header: u64, size: u64) -> u64 {
    let end = tensors.iter().fold(header, |end, (name, .., range)| {
        assert!(end <= range.start && range.start <= range.end, "{name} at {range:?}, after {end}");
        range.end
    });
    assert!(end <= size);
    end
}

/// A file written from what was read says the same and holds the same.
fn again(tensors: &[Stand], file: &[u8]) {
    let all = |tensors: &[Stand], file: &[u8]| -> Vec<_> {
        let bytes = |tensor: &Stand| file[tensor.3.start as usize..tensor.3.end as usize].to_vec();
        let fields = tensors.iter().map(|t| (t.0.clone(), t.1.clone(), t.2.clone(), bytes(t)));
        fields.collect()
    };
    let expected = all(tensors, file);
    let items: Vec<_> = expected.iter().map(|t| (&t.0[..], &t.1[..], &t.2[..], &t.3[..])).collect();
    let written = write_like(file, &items).expect("a good header");
    let read = parse_header(&written, written.len() as u64).expect("our own header");
    assert!(all(&read, &written) == expected, "other tensors were written");
}
