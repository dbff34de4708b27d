//! Compressed files with lies in them: parts of a good file are edited, checksums made right again, then it is
//! opened, looked up and restored.

use std::io::{Read as _, Write};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use xnc::internals::{parse_header, write_like};
use xnc::{Codec, EncodeOptions, Model, OpenOptions, RestoreOptions, Table, Verify};

use crate::choices::Choices;
use crate::seal::{ALIGN, CHECKED_FROM, FILE_RECORD, INDEX_SUFFIX, META_SUFFIX, Part, seal};
use crate::{GOLDEN_GGUF, GOLDEN_SAFETENSORS, edit, files, round_trip};

/// Target `container`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let [fast, tight, xnc, dense] = several_chunks();
    let good = choices.one(&[GOLDEN_SAFETENSORS, GOLDEN_GGUF, fast, tight, xnc, dense]);
    let mut parts = parts_of(good);
    for _ in 0..1 + choices.below(4) {
        if choices.is_empty() {
            break;
        }
        edit_part(&mut parts, &mut choices);
    }
    seal(&mut parts);
    let mut bytes = put_together(good, &parts);
    if choices.byte() % 4 == 1 {
        edit::apply_some(&mut bytes, &mut choices, 4);
    }
    use_all(bytes, &mut choices);
}

/// All tensors of a good file.
pub fn parts_of(good: &[u8]) -> Vec<Part> {
    let tensors = parse_header(good, good.len() as u64).expect("a good file");
    let part = |(name, dtype, shape, range)| {
        let std::ops::Range { start, end } = range;
        Part { name, dtype, shape, bytes: good[start as usize..end as usize].to_vec() }
    };
    tensors.into_iter().map(part).collect()
}

/// Compressed files whose tables take several chunks, one a codec, made on first use.
fn several_chunks() -> [&'static [u8]; 4] {
    static FILES: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let words = |n: u16| (0..n).flat_map(|i| (0x3c00 | i.wrapping_mul(40_503) & 0xbf80).to_le_bytes());
        let odd = |n: u16| (0..n).flat_map(|i| (i & 0xff | u16::from(i % 600 == 0)).to_le_bytes());
        let tensors = [
            ("wte.weight".to_owned(), "BF16", vec![300, 70], words(21_000).collect()),
            ("odd.weight".to_owned(), "BF16", vec![9000, 1], odd(9000).collect()),
            ("half.weight".to_owned(), "F16", vec![100, 70], words(7000).collect()),
        ];
        let source = files::safetensors(&[], &tensors);
        [Codec::Fast, Codec::Tight, Codec::Xnc, Codec::Dense]
            .map(|codec| round_trip::compressed(&source, codec).expect("compresses").expect("shrinks"))
    });
    files.each_ref().map(Vec::as_slice)
}

pub(crate) fn edit_part(parts: &mut Vec<Part>, choices: &mut Choices<'_>) {
    let at = choices.below(parts.len());
    match choices.byte() % 16 {
        0 => drop(parts.remove(at)),
        1 => parts[at].shape = (0..choices.below(4)).map(|_| choices.number()).collect(),
        2 => parts[at].dtype = choices.one(&["U8", "I8", "BF16", "F16", "F32"]).into(),
        3 => {
            let other = choices.below(parts.len());
            let name = parts[other].name.clone() + choices.one(&["", INDEX_SUFFIX, META_SUFFIX, "x"]);
            parts[at].name = name;
        }
        4 => parts[at].bytes = parts[choices.below(parts.len())].bytes.clone(),
        5..=7 => {
            parts
                .iter_mut()
                .filter(|part| part.name == FILE_RECORD)
                .for_each(|part| edit_header(part, choices));
        }
        kind => {
            let part = &mut parts[at];
            let fixed = if part.is_record() { CHECKED_FROM.min(part.bytes.len()) } else { 0 };
            let mut tail = part.bytes.split_off(fixed);
            if part.is_record() && kind % 2 == 0 {
                edit::number(&mut tail, choices); // most other edits are no JSON
            } else {
                edit::apply_some(&mut tail, choices, 1 + usize::from(kind % 4));
            }
            part.bytes.extend_from_slice(&tail);
        }
    }
    if let Some(part) = parts.get_mut(at)
        && part.shape.len() == 1
        && choices.byte() % 8 != 1
    {
        let filling = if part.is_record() { b' ' } else { 0 };
        part.bytes.resize(part.bytes.len().next_multiple_of(ALIGN), filling);
        part.shape = vec![part.bytes.len() as u64];
    }
}

/// Edits the source's header inside the file record, and the size that the record tells.
pub(crate) fn edit_header(part: &mut Part, choices: &mut Choices<'_>) {
    let Ok(mut record) = serde_json::from_slice::<Value>(&part.bytes) else { return };
    let Some(pieces) = record["outside"].as_array_mut() else { return };
    let at = choices.below(pieces.len());
    let Some(piece) = pieces.get_mut(at) else { return };
    let Some(Ok(packed)) = piece["zlib"].as_str().map(|text| BASE64.decode(text)) else { return };
    let mut header = Vec::new();
    if flate2::read::ZlibDecoder::new(&packed[..]).take(1 << 18).read_to_end(&mut header).is_err() {
        return;
    }
    edit::apply_some(&mut header, choices, 4);
    if choices.byte() % 4 != 1 && header.len() > 8 && header[8] == b'{' {
        let length = header.len() as u64 - 8;
        header[..8].copy_from_slice(&length.to_le_bytes());
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&header).expect("memory takes all");
    *piece = serde_json::json!({
        "length": header.len(),
        "zlib": BASE64.encode(zlib.finish().expect("memory takes all")),
    });
    if choices.byte() % 2 == 1 {
        record["size"] = choices.number().into();
    }
    part.bytes = record.to_string().into_bytes();
    part.bytes.resize(part.bytes.len().next_multiple_of(ALIGN), b' ');
    part.shape = vec![part.bytes.len() as u64];
}

/// A file of the parts; types that its format cannot name are left out.
pub fn put_together(good: &[u8], parts: &[Part]) -> Vec<u8> {
    let fields = parts.iter().map(|part| (&part.name[..], &part.dtype[..], &part.shape[..], &part.bytes[..]));
    let tensors: Vec<_> = fields.collect();
    write_like(good, &tensors).expect("a good header")
}

/// Opens, looks up, restores: errors are fine, anything else that is not right panics.
fn use_all(bytes: Vec<u8>, choices: &mut Choices<'_>) {
    let Ok(model) = Model::from_bytes(bytes.clone()) else { return };
    for tensor in model.tensors() {
        assert!(
            tensor.ranges.iter().all(|range| range.start <= range.end && range.end <= bytes.len() as u64)
        );
    }
    for name in model.tables().into_iter().take(8) {
        let mut options = OpenOptions::default();
        options.verify = choices.one(&[Verify::OnTouch, Verify::OnOpen, Verify::Never]);
        if let Ok(table) = model.table_with(name, &options) {
            look_up(&table, choices);
        }
    }
    if let Err(error) = xnc::restore_bytes(bytes, &RestoreOptions::default()) {
        assert!(!error.to_string().is_empty());
    }
}

fn look_up(table: &Table, choices: &mut Choices<'_>) {
    let (name, rows, dim) = (table.name(), table.rows(), table.dim());
    if rows == 0 || dim > 1 << 16 {
        return;
    }
    let mut row = vec![0; dim];
    assert!(table.row(rows, &mut row).is_err(), "a row past the end");
    for _ in 0..4 {
        let id = choices.below(rows);
        if table.row(id, &mut row).is_err() {
            continue;
        }
        let mut both = vec![0; 2 * dim];
        if table.gather(&[rows - 1, id], &mut both).is_ok() {
            assert_eq!(row, both[dim..], "row {id} of {name} in a gather");
        }
        if id + 1 < rows && table.read(id * dim, &mut both).is_ok() {
            assert_eq!(row, both[..dim], "row {id} of {name} in a longer read");
        }
    }
    let mut values = vec![0.0; dim];
    drop(table.gather_f32(&[rows - 1], &mut values));
    if rows.saturating_mul(dim) < 1 << 15 {
        drop(table.product(&values, 1, &mut vec![0.0; rows]));
        drop(table.product_bf16(&row, 1, &mut vec![0.0; rows]));
        runs(table);
    }
}

/// Where all words can be read, the table under the codec for running has the same ones.
fn runs(table: &Table) {
    let mut words = vec![0; table.rows() * table.dim()];
    if table.read(0, &mut words).is_ok() && !words.is_empty() {
        let running = table.transcode(&EncodeOptions::default()).expect("its words can be read");
        let mut again = vec![0; words.len()];
        running.read(0, &mut again).expect("just encoded");
        assert_eq!(again, words, "{} in memory", table.name());
    }
}
