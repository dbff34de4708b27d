//! Round trip: a file of arbitrary tensors comes back byte for byte, and row by row.

use std::fs;

use xnc::container::Container;
use xnc::dtype::Words;
use xnc::model::{gguf, safetensors};
use xnc::{Codec, CompressOptions, Error, Progress, Selection, Table, Verify};

use crate::choices::Choices;

/// A tensor to put into a file: name, type, shape, bytes.
pub type Tensor = (String, &'static str, Vec<u64>, Vec<u8>);

/// Names that roles, companions and text formats care about.
const NAMES: &[&str] = &[
    "model.embed_tokens.weight",
    "lm_head.weight",
    "a",
    "a.xnc_index",
    "a.xnc",
    "token_embd.weight",
    "",
    "\u{fc}\"\\\n",
    "a-name-as-long-as-readers-of-gguf-take-with-a-suffix.",
    "norm.weight",
    "__metadata",
];
const KEYS: &[&str] = &["format", "general.name", "xnc.version", "xnc.tensors", "", "\u{fc}\"\n"];

/// Target `round_trip`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let codec = choices.one(Codec::ALL);
    let source = source(&mut choices);
    // Not every description is a file.
    let Ok(plain) = Container::from_bytes(source.clone()) else { return };
    let packed = match compressed(&source, codec) {
        Ok(Some(packed)) => packed,
        Ok(None) | Err(Error::AlreadyCompressed { .. } | Error::NotATable { .. }) => return,
        Err(error) => panic!("a good file does not compress: {error}"),
    };
    let file = Container::from_bytes(packed).expect("just compressed");
    let mut back = Vec::new();
    xnc::restore_into(&file, &mut back, &Progress::silent()).expect("just compressed");
    assert!(back == source, "restores other bytes");
    for (name, meta) in file.metas() {
        let table = Table::from_container(&file, name, Verify::OnTouch).expect("just compressed");
        let tensor = plain.layout().tensor(name).expect("a tensor of the source");
        assert_eq!((&tensor.shape, table.rows() as u64), (&meta.shape, meta.shape[0]));
        let mut words = vec![0; plain.bytes(tensor).len() / 2];
        Words::new(plain.bytes(tensor)).read(0, &mut words);
        let ids: Vec<usize> = (0..table.rows()).rev().collect();
        let mut rows = vec![0; words.len()];
        table.gather(&ids, &mut rows).expect("just compressed");
        let expected: Vec<u16> =
            ids.iter().flat_map(|id| &words[id * table.dim()..][..table.dim()]).copied().collect();
        assert!(rows == expected, "rows of {name} differ");
    }
}

/// Compresses a file; nothing where nothing shrinks.
///
/// # Errors
/// Those of [`xnc::compress()`].
pub fn compressed(source: &[u8], codec: Codec) -> xnc::Result<Option<Vec<u8>>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (plain, packed) = (folder.path().join("plain"), folder.path().join("packed"));
    fs::write(&plain, source).expect("the temporary folder takes files");
    let (selection, progress, effort) = (Selection::All, Progress::silent(), xnc::Effort::default());
    let options = CompressOptions { codec, effort, selection, threads: 1, force: true, progress };
    let report = xnc::compress(&plain, &packed, &options)?;
    Ok(report.output_bytes.map(|_| fs::read(&packed).expect("written")))
}

fn source(choices: &mut Choices<'_>) -> Vec<u8> {
    let alignment = [0, 0, 8, 32, 64, 256][choices.below(6)];
    let mut metadata: Vec<(String, String)> = Vec::new();
    for _ in 0..choices.below(4) {
        let text = String::from_utf8_lossy(choices.bytes(5)).into_owned();
        metadata.push((choices.one(KEYS).to_owned(), text));
    }
    let mut tensors: Vec<Tensor> = Vec::new();
    for _ in 0..1 + choices.below(6) {
        let next = tensor(choices, &tensors);
        if tensors.iter().all(|tensor| tensor.0 != next.0) {
            tensors.push(next);
        }
    }
    if alignment == 0 {
        safetensors_file(&metadata, &tensors)
    } else {
        gguf_file(&metadata, &tensors, alignment, choices)
    }
}

fn tensor(choices: &mut Choices<'_>, before: &[Tensor]) -> Tensor {
    let name = choices.one(NAMES).to_owned();
    let dtype = choices.one(&["BF16", "F16", "BF16", "F16", "F32", "I8"]);
    if let Some((_, dtype, shape, bytes)) = before.last()
        && choices.byte() % 4 == 1
    {
        return (name, dtype, shape.clone(), bytes.clone());
    }
    let mut shape: Vec<u64> = (0..choices.below(5)).map(|_| choices.below(40) as u64).collect();
    if shape.len() > 1 && choices.byte() % 4 == 1 {
        shape[0] = choices.below(600) as u64;
    }
    let width = match dtype {
        "F32" => 4,
        "I8" => 1,
        _ => 2,
    };
    let mut count = shape.iter().product::<u64>();
    if count > 30_000 {
        (shape, count) = (vec![9000], 9000);
    }
    let mut bytes = vec![0; count as usize * width];
    let keep = choices.word();
    let (seed, turn) = (choices.bytes(64), choices.word() | 1);
    for (i, word) in bytes.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let any = (i as u16).wrapping_mul(turn) ^ seed.get(i % 64).map_or(0, |&byte| u16::from(byte) << 6);
        // Fewer bits are free in weights, and then the table shrinks.
        *word = (any & (keep | 0x8080)).to_le_bytes();
    }
    (name, dtype, shape, bytes)
}

/// A safetensors file.
pub fn safetensors_file(metadata: &[(String, String)], tensors: &[Tensor]) -> Vec<u8> {
    let infos =
        tensors.iter().map(|(name, dtype, shape, bytes)| (&name[..], *dtype, &shape[..], bytes.len() as u64));
    let mut file = safetensors::header(metadata, infos, 8);
    tensors.iter().for_each(|(.., bytes)| file.extend_from_slice(bytes));
    file
}

fn gguf_file(
    metadata: &[(String, String)],
    tensors: &[Tensor],
    alignment: u64,
    choices: &mut Choices<'_>,
) -> Vec<u8> {
    let header = gguf::GgufHeader {
        version: choices.one(&[2, 3]),
        pairs: 0,
        pair_bytes: 24..24,
        alignment_value: None,
        alignment,
    };
    let infos =
        tensors.iter().map(|(name, dtype, shape, bytes)| (&name[..], *dtype, &shape[..], bytes.len() as u64));
    let mut file = gguf::header(&[0; 24], &header, metadata, infos, alignment);
    for (.., bytes) in tensors {
        // Padding that is not zero must come back too.
        file.resize(file.len().next_multiple_of(alignment as usize), 0xa5);
        file.extend_from_slice(bytes);
    }
    file.extend_from_slice(choices.bytes(9));
    file
}
