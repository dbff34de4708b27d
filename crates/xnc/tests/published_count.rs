//! The published scheme, transcribed plainly on strings of bits as its description reads, as the oracle for
//! every count.

mod support;

use std::path::{Path, PathBuf};

use support::{Random, all_words, as_f16, compress_all, every_word, le, open, safetensors_file, write};
use xnc::{Analysis, Codec, Dtype, Model, Progress, PublishedCount};

/// One block, with no cleverness: a word is sixteen truth values, `w[0]` the sign.
fn transcribed(block: &[u16]) -> PublishedCount {
    let bits = |word: u16| -> [bool; 16] { std::array::from_fn(|i| word >> (15 - i) & 1 == 1) };
    let mut transformed = Vec::new();
    for (i, &word) in block.iter().enumerate() {
        let mut t = bits(word);
        if i > 0 {
            let before = bits(block[i - 1]);
            for k in 0..16 {
                t[k] = t[k] != before[k];
            }
        }
        if t[0] {
            for bit in &mut t[1..5] {
                *bit = !*bit;
            }
        }
        transformed.push(t);
    }
    let passes = |t: &[bool; 16]| t[1] == t[0] && !t[13] && !t[14] && !t[15];
    let all_equal = |t: &[bool; 16]| t[..5].iter().all(|&bit| bit == t[0]);
    let whole_block_passes = transformed.iter().all(passes);
    let mut count = PublishedCount::default();
    count.metadata_bits = 1;
    for t in &transformed {
        count.metadata_bits += 1;
        match (whole_block_passes, passes(t)) {
            (true, _) if all_equal(t) => count.words_9 += 1,
            (true, _) | (false, true) => count.words_12 += 1,
            (false, false) => count.words_16 += 1,
        }
    }
    count.bits = 9 * count.words_9 + 12 * count.words_12 + 16 * count.words_16 + count.metadata_bits;
    count
}

fn transcribed_all(words: &[u16]) -> PublishedCount {
    let mut all = PublishedCount::default();
    for block in words.chunks(32).map(transcribed) {
        all.words_9 += block.words_9;
        all.words_12 += block.words_12;
        all.words_16 += block.words_16;
        all.metadata_bits += block.metadata_bits;
        all.bits += block.bits;
    }
    all
}

fn ratio(analysis: &Analysis) -> f64 {
    16.0 * analysis.words as f64 / analysis.xnc.bits as f64
}

/// Counts a file's tables three ways: transcription, `analyze`, and the bits of the encoded stream, of which
/// there are as many as FP16 tables; this tells how many.
fn check(path: &Path) -> usize {
    let folder = tempfile::tempdir().expect("temporary folder");
    let packed = folder.path().join("packed");
    compress_all(Codec::Xnc, path, &packed);
    let plain = Model::open(path).expect("opens");
    let compressed = Model::open(&packed).expect("opens");
    let mut streams = 0;
    for name in plain.tables() {
        let table = plain.table(name).expect("a table");
        let analysis = xnc::analyze(&table, 2, &Progress::default()).expect("counts");
        let mut words = all_words(&table);
        if table.dtype() == Dtype::Bf16 {
            words = as_f16(&words);
        }
        let expected = transcribed_all(&words);
        assert_eq!(analysis.words, words.len() as u64);
        assert_eq!(analysis.xnc, expected, "{name} of {}", path.display());
        let coded = compressed.tensor(name).is_some_and(|tensor| tensor.codec.is_some());
        if table.dtype() == Dtype::F16 && coded {
            let meta = compressed.bytes(&format!("{name}.xnc_meta")).expect("a record");
            let meta: serde_json::Value = serde_json::from_slice(meta).expect("JSON");
            assert_eq!(meta["params"]["bits"], expected.bits, "{name}: the stream has the published size");
            streams += 1;
        }
    }
    streams
}

#[test]
fn synthetic_tables() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut random = Random(9);
    let bf16 = random.bf16_weights(1000 * 77, 500);
    let f16 = as_f16(&bf16);
    let native: Vec<u16> =
        (0..1000 * 77).map(|_| half::f16::from_f32(0.02 * random.normal()).to_bits()).collect();
    let file = safetensors_file(&[
        ("a", "BF16", vec![1000, 77], le(&bf16)),
        ("b", "F16", vec![1000, 77], le(&f16)),
        ("c", "F16", vec![1000, 77], le(&native)),
        ("d", "F16", vec![256, 256], le(&every_word())),
    ]);
    let streams = check(&write(folder.path(), "a.safetensors", &file));
    // Of the FP16 tables, the one whose low bits are zeros shrinks.
    assert_eq!(streams, 1);
}

#[test]
fn real_tables() {
    check(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors"
    )));
    let Some(data) = std::env::var_os("XNC_TEST_DATA").map(PathBuf::from) else {
        eprintln!("the large tables are counted by `cargo xtask test` only");
        return;
    };
    for (stem, expected) in [("SmolLM2-135M", 1.334), ("Gemma-3-270M", 1.331)] {
        let path = data.join(format!("{stem}.f16.safetensors"));
        assert_eq!(check(&path), 1);
        let table = open(&path, "model.embed_tokens.weight");
        let found = ratio(&xnc::analyze(&table, 2, &Progress::default()).expect("counts"));
        assert!((found - expected).abs() < 0.0015, "{stem}: {found}");
        let folder = tempfile::tempdir_in(&data).expect("temporary folder");
        let report = compress_all(Codec::Xnc, &path, &folder.path().join("packed"));
        let whole = report.source_bytes as f64 / report.output_bytes.expect("it shrinks") as f64;
        assert!(
            (whole / found - 1.0).abs() < 0.005,
            "{stem}: the file shrinks by {whole}, the count by {found}"
        );
    }
}
