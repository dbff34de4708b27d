//! The library against the decoder that was written from the specification alone: companions, index, payload
//! and headers with lies in them, checksums right. Both give the same words, or both refuse.

use std::sync::OnceLock;

use xnc::{Codec, Dtype, Model, RestoreOptions};

use crate::choices::Choices;
use crate::container::{edit_header, edit_part, parts_of, put_together};
use crate::seal::{self, ALIGN, INDEX_SUFFIX, META_SUFFIX, Part};
use crate::second::{self, Made};
use crate::{edit, files, members, round_trip};

/// A file, and where `dense` keeps checksums in it: the index, the place, the bytes of payload that it covers.
struct Good {
    file: Vec<u8>,
    checksums: Vec<(String, usize, usize)>,
}

/// Small files of every codec and format, so that the slow decoder is quick.
fn good_files() -> &'static [Good] {
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

fn bytes(words: impl Iterator<Item = u16>) -> Vec<u8> {
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

/// Target `decoders`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    compare(&edited(&mut choices));
}

/// A good file with lies in it.
pub fn edited(choices: &mut Choices<'_>) -> Vec<u8> {
    let all = good_files();
    let good = &all[choices.below(all.len())];
    let mut parts = parts_of(&good.file);
    for _ in 0..1 + choices.below(3) {
        match choices.byte() % 16 {
            0 => edit_part(&mut parts, choices),
            1..=4 => edit_members(&mut parts, choices),
            5 => {
                parts.iter_mut().filter(|part| part.name == seal::FILE_RECORD).for_each(|part| {
                    edit_header(part, choices);
                });
            }
            _ => edit_bytes(&mut parts, choices),
        }
        if choices.is_empty() {
            break;
        }
    }
    seal_dense(&mut parts, &good.checksums);
    seal::seal(&mut parts);
    let mut file = put_together(&good.file, &parts);
    match choices.byte() % 8 {
        1 => edit::apply(&mut file, choices),
        2 => edit_file_header(&mut file, choices),
        _ => {}
    }
    file
}

/// Edits members of a record.
fn edit_members(parts: &mut [Part], choices: &mut Choices<'_>) {
    let records: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].is_record()).collect();
    if records.is_empty() {
        return;
    }
    let other = parts[choices.one(&records)].bytes.clone();
    let part = &mut parts[choices.one(&records)];
    let text = part.bytes.trim_ascii_end();
    if let Some(mut edited) = members::edited(text, &other, choices) {
        let filled = edited.len().next_multiple_of(ALIGN);
        edited.resize(if choices.byte() == 1 { filled + 1 } else { filled }, b' ');
        part.shape = vec![edited.len() as u64];
        part.bytes = edited;
    }
}

/// Edits an index or a payload, which mostly keeps its size.
fn edit_bytes(parts: &mut [Part], choices: &mut Choices<'_>) {
    let at = choices.below(parts.len());
    let part = &mut parts[at];
    if part.is_record() || part.bytes.is_empty() {
        return;
    }
    let size = part.bytes.len();
    match choices.byte() % 6 {
        0 => edit::apply(&mut part.bytes, choices),
        1 => {
            // A bit, near the beginning or the end, where fields are.
            let place = choices.below(256).min(size - 1);
            let place = if choices.byte() % 2 == 0 { place } else { size - 1 - place };
            part.bytes[place] ^= 1 << (choices.byte() % 8);
        }
        2 => {
            let place = choices.below(size);
            part.bytes[place] = choices.byte();
        }
        3 | 4 => {
            // From one number of 16 bits to one near it: a sum over them stays as it is.
            let (place, by) = (choices.below(size) & !1, u16::from(choices.byte() % 32));
            let numbers = part.bytes[place..].as_chunks_mut::<2>().0;
            let other = choices.below(8).min(numbers.len() - 1);
            let add = |number: &mut [u8; 2], by: u16| {
                *number = u16::from_le_bytes(*number).wrapping_add(by).to_le_bytes();
            };
            add(&mut numbers[0], by);
            add(&mut numbers[other], by.wrapping_neg());
        }
        _ => {
            let place = choices.below(size);
            let few = choices.byte() % 16;
            part.bytes[place] = part.bytes[place].wrapping_add(few).wrapping_sub(8);
        }
    }
    if choices.byte() % 8 != 1 {
        part.bytes.resize(size, 0);
    } else if choices.byte() % 2 == 0 {
        part.bytes.resize(part.bytes.len().next_multiple_of(ALIGN), 0);
    }
    if part.shape.len() == 1 {
        part.shape = vec![part.bytes.len() as u64];
    }
}

/// Edits the JSON of a safetensors header, whose length stays right, or bytes of a GGUF one.
fn edit_file_header(file: &mut Vec<u8>, choices: &mut Choices<'_>) {
    if file.starts_with(b"GGUF") {
        let at = choices.below(file.len().min(600));
        let end = file.len().min(at + 8);
        let mut part = file[at..end].to_vec();
        edit::apply(&mut part, choices);
        file.splice(at..end, part);
        return;
    }
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    let text = file[8..8 + length].trim_ascii_end().to_vec();
    if let Some(edited) = members::edited(&text, &text, choices) {
        let edited = [&(edited.len() as u64).to_le_bytes()[..], &edited].concat();
        file.splice(..8 + length, edited);
    }
}

/// Both decoders on a file.
///
/// # Panics
/// Where they do not agree.
pub fn compare(file: &[u8]) {
    let second = second::ask(file);
    let model = match (Model::from_bytes(file.to_vec()), &second) {
        (Ok(model), Ok(_)) => model,
        (Err(_), Err(_)) => return,
        (ours, theirs) => {
            let ours = ours.map(|_| ());
            panic!(
                "opening: the library says {ours:?}, the decoder in Python {:?}",
                theirs.as_ref().map(|_| ())
            )
        }
    };
    let second = second.expect("just matched");
    for (name, theirs) in &second.tables {
        if let Some(theirs) = theirs {
            agree(&format!("tensor {name:?}"), &read(&model, name), theirs);
        }
    }
    if let Some(theirs) = &second.source {
        let ours = restored(file).map_err(|error| error.to_string());
        agree("the source", &ours, theirs);
    }
}

/// The source of a file, whatever its digests.
///
/// # Errors
/// Those of restoring.
pub fn restored(file: &[u8]) -> xnc::Result<Vec<u8>> {
    let mut options = RestoreOptions::default();
    options.unchecked = true;
    xnc::restore_bytes(file.to_vec(), &options)
}

fn agree(what: &str, ours: &Made, theirs: &Made) {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert!(ours == theirs, "{what}: other bytes"),
        (Err(_), Err(_)) => {}
        _ => {
            let [ours, theirs] = [ours, theirs].map(|made| made.as_ref().map(|_| "bytes"));
            panic!("{what}: the library says {ours:?}, the decoder in Python {theirs:?}");
        }
    }
}

/// All words of a table, as the second decoder tells them.
fn read(model: &Model, name: &str) -> Made {
    let table = model.table(name).map_err(|error| error.to_string())?;
    let mut words = vec![0; table.rows() * table.dim()];
    table.read(0, &mut words).map_err(|error| error.to_string())?;
    assert!(matches!(table.dtype(), Dtype::Bf16 | Dtype::F16));
    Ok(bytes(words.into_iter()))
}
