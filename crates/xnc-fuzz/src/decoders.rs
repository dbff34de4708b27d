//! The library against the decoder that was written from the specification alone: companions, index, payload
//! and headers with lies in them, checksums right. Both give the same words, or both refuse.

use xnc::{Dtype, Model, RestoreOptions};

use crate::choices::Choices;
use crate::container::{edit_header, edit_part, parts_of, put_together};
use crate::good;
use crate::seal::{self, ALIGN, Part};
use crate::second::{self, Made};
use crate::{edit, members};

/// Target `decoders`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    compare(&edited(&mut choices));
}

/// A good file with lies in it.
pub fn edited(choices: &mut Choices<'_>) -> Vec<u8> {
    let all = good::files();
    let from = &all[choices.below(all.len())];
    let mut parts = parts_of(&from.file);
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
    good::seal_dense(&mut parts, &from.checksums);
    seal::seal(&mut parts);
    let mut file = put_together(&from.file, &parts);
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
            let place = if choices.byte().is_multiple_of(2) { place } else { size - 1 - place };
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
    } else if choices.byte().is_multiple_of(2) {
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
    Ok(good::bytes(words.into_iter()))
}
