//! The two parsers: any bytes, any claimed file size; what they accept must lie in the file, apart, and be what others read.

use xnc::model::{Header, Layout, safetensors};

use crate::choices::Choices;
use crate::{GOLDEN_GGUF, GOLDEN_SAFETENSORS, edit};

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
        let Ok(layout) = Layout::parse(&head, size) else { continue };
        parsed(&layout, head.len() as u64, size);
        again(&layout, size - head.len() as u64);
        if size < 1 << 16 {
            let mut file = head.clone();
            file.resize(size as usize, 0);
            the_reference_agrees(&layout, &file);
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
fn the_reference_agrees(layout: &Layout, file: &[u8]) {
    match ::safetensors::SafeTensors::deserialize(file) {
        Ok(reference) => {
            assert_eq!(reference.len(), layout.tensors().len());
            for tensor in layout.tensors() {
                let view = reference.tensor(&tensor.name).expect("same names");
                assert_eq!(view.data().len() as u64, tensor.bytes(), "{}", tensor.name);
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("unknown variant"), "only we accept this: {error}");
        }
    }
}

/// A header written from what was read says the same.
fn again(layout: &Layout, data_bytes: u64) {
    let Header::Safetensors(metadata) = layout.header() else { panic!("a safetensors header") };
    let infos = layout.tensors().iter().map(|t| (t.name.as_str(), t.dtype.as_str(), &t.shape[..], t.bytes()));
    let head = safetensors::header(metadata, infos, 64);
    let Some(size) = data_bytes.checked_add(head.len() as u64) else { return };
    let read = Layout::parse(&head, size).expect("our own header");
    let fields = |layout: &Layout| -> Vec<_> {
        layout
            .tensors()
            .iter()
            .map(|t| (t.name.clone(), t.dtype.clone(), t.shape.clone(), t.bytes()))
            .collect()
    };
    assert_eq!(fields(&read), fields(layout));
}

/// Target `gguf`.
pub fn gguf(data: &[u8]) {
    let mut choices = Choices(data);
    let head = match choices.byte() % 4 {
        0 => [b"GGUF", choices.0].concat(),
        _ => {
            let mut head = GOLDEN_GGUF[..1536].to_vec();
            edit::apply_some(&mut head, &mut choices, 8);
            head
        }
    };
    for size in [head.len() as u64, GOLDEN_GGUF.len() as u64, 1 << 40, u64::MAX] {
        let Ok(layout) = Layout::parse(&head, size.max(head.len() as u64)) else { continue };
        let size = size.max(head.len() as u64);
        if let Header::Gguf(header) = layout.header() {
            assert!(header.pair_bytes.end <= head.len());
            assert!(header.alignment.is_power_of_two());
            parsed(&layout, header.pair_bytes.end as u64, size);
        }
    }
}

/// Tensors and the gaps between them, in order, are the whole file.
fn parsed(layout: &Layout, header: u64, size: u64) {
    let mut end = header;
    for tensor in layout.tensors() {
        assert!(end <= tensor.range.start && tensor.range.start <= tensor.range.end);
        end = tensor.range.end;
        assert!(end <= size);
    }
    let gaps: u64 = layout.gaps(size).iter().map(|gap| gap.end - gap.start).sum();
    let tensors: u64 = layout.tensors().iter().map(|tensor| tensor.bytes()).sum();
    assert_eq!(gaps + tensors, size);
}
