//! Small compressed files of every codec and format: so small that the decoder in Python is quick with them.

use std::sync::OnceLock;

use xnc::Codec;

use crate::container::parts_of;
use crate::seal::{INDEX_SUFFIX, META_SUFFIX, Part};
use crate::{files, round_trip};

/// A file, and where `dense` keeps checksums in it: the index, the place, the bytes of payload that it covers.
pub struct Good {
    /// The file.
    pub file: Vec<u8>,
    /// Those checksums.
    pub checksums: Vec<(String, usize, usize)>,
}

/// Small files of every codec and format, so that the slow decoder is quick.
pub fn files() -> &'static [Good] {
    static FILES: OnceLock<Vec<Good>> = OnceLock::new();
    FILES.get_or_init(|| {
        let tables = [
            small(),
            several_chunks(),
            counted(),
            predicted("BF16", 24, 32),
            predicted("F16", 32, 32),
            predicted("BF16", 32, 9),
        ];
        let sources = tables.map(|tensors| files::safetensors(&[], &tensors));
        let pairs = [("general.name".to_owned(), "a".to_owned())];
        let gguf = files::gguf(3, 32, &pairs, &small(), 0);
        let every = sources
            .iter()
            .chain([&gguf])
            .flat_map(|source| Codec::ALL.iter().map(move |&codec| (source, codec)));
        // Not every codec makes every one of them smaller.
        let files =
            every.filter_map(|(source, codec)| round_trip::compressed(source, codec).expect("compresses"));
        files.map(|file| Good { checksums: checksums(&file), file }).collect()
    })
}

/// Noise that does not change.
pub fn noise(n: usize) -> u16 {
    (n.wrapping_mul(0x9e37_79b9) >> 9) as u16
}

/// Words with a few exponents, some with any bits, and rows that are like each other.
pub fn words(n: usize, dim: usize, exponent: u16) -> impl Iterator<Item = u16> {
    (0..n).map(move |i| match noise(i ^ 0x2a5a) % 97 {
        0 => noise(i + 7).rotate_left(7),
        _ => {
            let base = noise(i / dim % 5 * dim + i % dim);
            (base & 0x8000 | exponent) + (base >> 4 & 0x1ff) + noise(i) % 9
        }
    })
}

/// FP16 images of BF16 words.
pub fn images(n: usize) -> impl Iterator<Item = u16> {
    let image = |word: u16| half::f16::from_f32(half::bf16::from_bits(word).to_f32()).to_bits();
    (0..n).map(move |i| image(0x3c00 + (noise(i) & 0x80ff)))
}

/// Bytes of words.
pub fn bytes(words: impl Iterator<Item = u16>) -> Vec<u8> {
    words.flat_map(u16::to_le_bytes).collect()
}

/// Every type of elements and words, a duplicate, a plain tensor.
pub fn small() -> Vec<files::Tensor> {
    let disguise = |word: u16| (u32::from(word) << 16).to_le_bytes();
    vec![
        ("a".into(), "BF16", vec![80, 24], bytes(words(1920, 24, 0x3c00))),
        ("b".into(), "F16", vec![200, 8, 3], bytes(words(4800, 24, 0x2c00))),
        ("c".into(), "BF16", vec![80, 24], bytes(words(1920, 24, 0x3c00))),
        ("d".into(), "F32", vec![31, 70], words(2170, 70, 0x3c00).flat_map(disguise).collect()),
        ("e".into(), "F16", vec![31, 70], bytes(images(2170))),
        ("p".into(), "F32", vec![3], vec![7; 12]),
    ]
}

/// Tables with more than one chunk of `xnc` and more than one page of `fast`.
pub fn several_chunks() -> Vec<files::Tensor> {
    vec![("wte".into(), "BF16", vec![130, 70], bytes(words(9100, 70, 0x3c00)))]
}

/// Rows that nothing predicts.
pub fn counted() -> Vec<files::Tensor> {
    let words = (0..5280).map(|i| 0x3c00 | noise(i) & 0x807f | noise(3 * i) & 0x300);
    vec![("n".into(), "BF16", vec![11, 480], bytes(words))]
}

/// Rows that are near to one of some centres. They predict each other where these are more than dimensions are,
/// and dimensions do where these are few.
pub fn predicted(dtype: &'static str, dim: usize, count: usize) -> Vec<files::Tensor> {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    let centres: Vec<f32> = (0..count * dim).map(|_| normal()).collect();
    let word = |i: usize| {
        let (row, column) = (i / dim, i % dim);
        let centre = centres[(row * row + row / 7) % count * dim + column];
        let value = 0.02 * (1 + row % 3) as f32 * (centre + normal() / 100.0);
        match dtype {
            "F16" => half::f16::from_f32(value).to_bits(),
            _ => half::bf16::from_f32(value).to_bits(),
        }
    };
    vec![("a".into(), dtype, vec![128, dim as u64], bytes((0..128 * dim).map(word)))]
}

/// Finds the checksums of tables of `dense`, which have one chunk here.
pub fn checksums(file: &[u8]) -> Vec<(String, usize, usize)> {
    let parts = parts_of(file);
    let bytes = |name: &str| parts.iter().find(|part| part.name == name).map(|part| &part.bytes[..]);
    let one = |meta: &Part| {
        let name = meta.name.strip_suffix(META_SUFFIX)?;
        meta.bytes.windows(15).find(|text| text == b"\"codec\":\"dense\"")?;
        let (payload, index) = (bytes(name)?, bytes(&format!("{name}{INDEX_SUFFIX}"))?);
        let (at, covered) = (payload.len() - 63..=payload.len()).rev().find_map(|covered| {
            let check = crc32c::crc32c(&payload[..covered]).to_le_bytes();
            Some((index.windows(4).position(|part| part == check)?, covered))
        })?;
        Some((name.to_owned(), at, covered))
    };
    parts.iter().filter_map(one).collect()
}

/// Makes the checksums of `dense` right, where its index was not moved.
pub fn seal_dense(parts: &mut [Part], checksums: &[(String, usize, usize)]) {
    for (name, at, covered) in checksums {
        let payload = parts.iter().find(|part| &part.name == name);
        let Some(check) = payload.map(|part| crc32c::crc32c(&part.bytes[..part.bytes.len().min(*covered)]))
        else {
            continue;
        };
        let index = parts.iter_mut().find(|part| part.name.strip_suffix(INDEX_SUFFIX) == Some(name));
        if let Some(slot) = index.and_then(|part| part.bytes.get_mut(*at..*at + 4)) {
            slot.copy_from_slice(&check.to_le_bytes());
        }
    }
}
