//! Round trip: a file of arbitrary tensors comes back byte for byte, and row by row.

use half::{bf16, f16};
use xnc::{Codec, CompressOptions, Error, Model, RestoreOptions, Selection};

use crate::choices::Choices;
use crate::files::{self, Tensor};

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
/// Those of the summary are among them, with dots as in GGUF and without as in safetensors.
const KEYS: &[&str] =
    &["format", "general.name", "xnc.version", "xnc.tensors", "xnc_version", "xnc_tensors", "", "\u{fc}\"\n"];

/// Target `round_trip`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let codec = choices.one(Codec::ALL);
    let source = source(&mut choices);
    // Not every description is a file.
    let Ok(plain) = Model::from_bytes(source.clone()) else { return };
    let packed = match compressed(&source, codec) {
        Ok(Some(packed)) => packed,
        Ok(None) | Err(Error::AlreadyCompressed { .. } | Error::NotATable { .. }) => return,
        Err(error) => panic!("a good file does not compress: {error}"),
    };
    let back = xnc::restore_bytes(packed.clone(), &RestoreOptions::default()).expect("just compressed");
    assert!(back == source, "restores other bytes");
    let packed = Model::from_bytes(packed).expect("just compressed");
    for tensor in packed.tensors() {
        let before = plain.tensor(&tensor.name).expect("a tensor of the source");
        assert_eq!((&tensor.dtype, &tensor.shape), (&before.dtype, &before.shape), "{}", tensor.name);
        let bytes = plain.bytes(&tensor.name).expect("a tensor of the source");
        if tensor.codec.is_some() {
            by_row(&packed, &tensor.name, &tensor.dtype, bytes);
        }
    }
}

/// The rows of a compressed table, last first, are those that the source has as `bytes`.
fn by_row(packed: &Model, name: &str, dtype: &str, bytes: &[u8]) {
    let table = packed.table(name).expect("just compressed");
    let ids: Vec<usize> = (0..table.rows()).rev().collect();
    let count = table.rows() * table.dim();
    let mut found: Vec<u8> = Vec::new();
    if dtype == "F32" {
        // Values in disguise: a table gives the words that they stand for, and their values.
        let mut values = vec![0.0f32; count];
        table.gather_f32(&ids, &mut values).expect("just compressed");
        values.iter().for_each(|value| found.extend(value.to_le_bytes()));
    } else {
        let mut words = vec![0u16; count];
        table.gather(&ids, &mut words).expect("just compressed");
        words.iter().for_each(|word| found.extend(word.to_le_bytes()));
    }
    let row_bytes = (bytes.len() / table.rows().max(1)).max(1);
    let expected: Vec<u8> = bytes.rchunks(row_bytes).flatten().copied().collect();
    assert!(found == expected, "rows of {name} differ");
}

/// Compresses a file; nothing where nothing shrinks.
///
/// # Errors
/// Those of [`xnc::compress_bytes()`].
pub fn compressed(source: &[u8], codec: Codec) -> xnc::Result<Option<Vec<u8>>> {
    let mut options = CompressOptions::default();
    (options.codec, options.selection) = (codec, Selection::All);
    Ok(xnc::compress_bytes(source.to_vec(), &options)?.0)
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
        return files::safetensors(&metadata, &tensors);
    }
    // Padding that is not zero must come back, and so must a tail.
    let mut file = files::gguf(choices.one(&[2, 3]), alignment, &metadata, &tensors, 0xa5);
    file.extend_from_slice(choices.bytes(9));
    file
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
    let keep = choices.word();
    let (seed, turn) = (choices.bytes(64), choices.word() | 1);
    let word = |i: usize| {
        let any = (i as u16).wrapping_mul(turn) ^ seed.get(i % 64).map_or(0, |&byte| u16::from(byte) << 6);
        // Fewer bits are free in weights, and then the table shrinks.
        any & (keep | 0x8080)
    };
    let disguise = if width == 4 { choices.byte() % 4 } else { 3 };
    let bytes = match disguise {
        0 | 1 => (0..count as usize)
            .flat_map(|i| match disguise {
                0 => bf16::from_bits(word(i)).to_f32().to_le_bytes(),
                _ => f16::from_bits(word(i)).to_f32().to_le_bytes(),
            })
            .collect(),
        _ => {
            let mut bytes = vec![0; count as usize * width];
            let words = bytes.as_chunks_mut::<2>().0;
            words.iter_mut().enumerate().for_each(|(i, place)| *place = word(i).to_le_bytes());
            bytes
        }
    };
    (name, dtype, shape, bytes)
}
