//! The published scheme, transcribed plainly on strings of bits as its description reads, as the oracle for every count.

mod support;

use std::path::{Path, PathBuf};

use support::{Random, compress_all, every_word, le, safetensors_file, write};
use xnc::codec::xnc::block::Count;
use xnc::container::{Container, Storage};
use xnc::{Codec, Dtype, Progress, Table, Verify};

/// One block, with no cleverness: a word is sixteen truth values, `w[0]` the sign.
fn transcribed(block: &[u16]) -> Count {
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
    let mut count = Count { metadata_bits: 1, ..Count::default() };
    for t in &transformed {
        count.metadata_bits += 1;
        match (whole_block_passes, passes(t)) {
            (true, _) if all_equal(t) => count.words_9 += 1,
            (true, _) | (false, true) => count.words_12 += 1,
            (false, false) => count.words_16 += 1,
        }
    }
    count
}

fn transcribed_all(words: &[u16]) -> Count {
    let mut all = Count::default();
    words.chunks(32).for_each(|block| all.add(&transcribed(block)));
    all
}

/// Counts a file's tables three ways: transcription, `analyze`, and the bits of the encoded stream.
fn check(path: &Path) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let packed = folder.path().join("packed");
    compress_all(Codec::Xnc, path, &packed);
    let plain = Container::open(path).expect("opens");
    let compressed = Container::open(&packed).expect("opens");
    for name in plain.table_names() {
        let table = Table::from_container(&plain, name, Verify::OnTouch).expect("a table");
        let analysis = xnc::analyze(&table, 2, &Progress::silent()).expect("counts");
        let mut words = vec![0; table.rows() * table.dim()];
        table.read(0, &mut words).expect("reads");
        if table.dtype() == Dtype::Bf16 {
            let cast =
                |word: &mut u16| *word = half::f16::from_f32(half::bf16::from_bits(*word).to_f32()).to_bits();
            words.iter_mut().for_each(cast);
        }
        let expected = transcribed_all(&words);
        assert_eq!(analysis.xnc, expected, "{name} of {}", path.display());
        assert_eq!(analysis.xnc_ratio(), Some(16.0 * words.len() as f64 / expected.bits() as f64));
        if let (Dtype::F16, Some(meta)) = (table.dtype(), compressed.metas().get(name)) {
            let Storage::Coded { params, .. } = &meta.storage else { panic!("{name} is no duplicate") };
            assert_eq!(params["bits"], expected.bits(), "{name}: the stream has the published size");
        }
    }
}

#[test]
fn synthetic_tables() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut random = Random(9);
    let bf16 = random.bf16_weights(1000 * 77, 500);
    let f16: Vec<u16> =
        bf16.iter().map(|&w| half::f16::from_f32(half::bf16::from_bits(w).to_f32()).to_bits()).collect();
    let native: Vec<u16> =
        (0..1000 * 77).map(|_| half::f16::from_f32(0.02 * random.normal()).to_bits()).collect();
    let file = safetensors_file(&[
        ("a", "BF16", vec![1000, 77], le(&bf16)),
        ("b", "F16", vec![1000, 77], le(&f16)),
        ("c", "F16", vec![1000, 77], le(&native)),
        ("d", "F16", vec![256, 256], le(&every_word())),
    ]);
    check(&write(folder.path(), "a.safetensors", &file));
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
    for (stem, ratio) in [("SmolLM2-135M", 1.334), ("Gemma-3-270M", 1.331)] {
        let path = data.join(format!("{stem}.f16.safetensors"));
        check(&path);
        let table = Table::open(&path, "model.embed_tokens.weight", Verify::OnTouch).expect("opens");
        let found =
            xnc::analyze(&table, 2, &Progress::silent()).expect("counts").xnc_ratio().expect("not empty");
        assert!((found - ratio).abs() < 0.0015, "{stem}: {found}");
        let folder = tempfile::tempdir_in(&data).expect("temporary folder");
        let report = compress_all(Codec::Xnc, &path, &folder.path().join("packed"));
        let whole = report.source_bytes as f64 / report.output_bytes.expect("it shrinks") as f64;
        assert!(
            (whole / found - 1.0).abs() < 0.005,
            "{stem}: the file shrinks by {whole}, the count by {found}"
        );
    }
}
