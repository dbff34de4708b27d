//! Golden files: what any version wrote, every later version reads; an independent decoder reads the same.
//!
//! The files in `spec/vectors/` are write-once. `XNC_BLESS=1 cargo test --test compat` writes those that are
//! missing.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{
    Random, as_f16, assert_twins, bf16_as_f32, every_word, f16_as_f32, gguf_file, le, restore,
    safetensors_file, write,
};
use xnc::{Codec, Model, OpenOptions, Selection};

/// A golden file: its name, the codec that wrote it, and the source it restores to.
fn golden() -> Vec<(&'static str, Codec, Vec<u8>)> {
    let mut random = Random(2025);
    let bf16 = le(&random.bf16_weights(60 * 37, 150));
    let f16: Vec<u16> = (0..40 * 33).map(|_| half::f16::from_f32(random.normal()).to_bits() & !7).collect();
    let small = [
        ("model.embed_tokens.weight", "BF16", vec![60, 37], bf16.clone()),
        ("embeddings.f16", "F16", vec![40, 33], le(&f16)),
        ("lm_head.weight", "BF16", vec![60, 37], bf16),
        ("norm.weight", "F32", vec![2], vec![0, 0, 128, 63, 0, 0, 0, 64]),
    ];
    let every = [
        ("every.bf16", "BF16", vec![256, 512], le(&[every_word(), vec![0; 65536]].concat())),
        ("every.f16", "F16", vec![256, 512], le(&[every_word(), vec![0; 65536]].concat())),
    ];
    // Full groups and a tail, native FP16 and BF16 in disguise, rows with and without lists, plain rows.
    let words = random.bf16_weights(60 * 150, 200);
    let disguised = as_f16(&words);
    let mut native = native_f16(&mut random, 40 * 200);
    native[..200].copy_from_slice(&every_word()[..200]);
    let wide = [
        ("model.embed_tokens.weight", "BF16", vec![60, 150], le(&words)),
        ("disguised.f16", "F16", vec![60, 150], le(&disguised)),
        ("native.f16", "F16", vec![40, 200], le(&native)),
        ("lm_head.weight", "BF16", vec![60, 150], le(&words)),
        ("norm.weight", "F32", vec![2], vec![0, 0, 128, 63, 0, 0, 0, 64]),
    ];
    vec![
        ("1.0-xnc.safetensors", Codec::Xnc, safetensors_file(&small)),
        ("1.0-xnc-wide-types.safetensors", Codec::Xnc, safetensors_file(&wide_types())),
        ("1.0-fast-wide-types.safetensors", Codec::Fast, safetensors_file(&wide_types())),
        ("1.0-fast-wide-types.gguf", Codec::Fast, gguf_file(&wide_types(), None)),
        ("1.0-dense-wide-types.safetensors", Codec::Dense, safetensors_file(&wide_types())),
        ("1.0-xnc.gguf", Codec::Xnc, gguf_file(&small, None)),
        ("1.0-xnc-every-word.safetensors", Codec::Xnc, safetensors_file(&every)),
        ("1.0-fast.safetensors", Codec::Fast, safetensors_file(&wide)),
        ("1.0-fast.gguf", Codec::Fast, gguf_file(&wide, None)),
        ("1.0-fast-blocks.safetensors", Codec::Fast, safetensors_file(&blocks())),
        ("1.0-fast-wide-rows.safetensors", Codec::Fast, safetensors_file(&wide_rows())),
        ("1.0-fast-pages.safetensors", Codec::Fast, safetensors_file(&pages())),
        ("1.0-tight-pages.safetensors", Codec::Tight, safetensors_file(&pages())),
        ("1.0-tight.safetensors", Codec::Tight, safetensors_file(&wide)),
        ("1.0-tight.gguf", Codec::Tight, gguf_file(&wide, None)),
        ("1.0-tight-blocks.safetensors", Codec::Tight, safetensors_file(&blocks())),
        ("1.0-tight-long-rows.safetensors", Codec::Tight, safetensors_file(&long_rows())),
        ("1.0-dense.safetensors", Codec::Dense, safetensors_file(&predictable(600))),
        ("1.0-dense-chunks.safetensors", Codec::Dense, safetensors_file(&predictable(1000)[..1])),
        ("1.0-dense.gguf", Codec::Dense, gguf_file(&small, None)),
        ("1.0-dense-every-word.safetensors", Codec::Dense, safetensors_file(&every)),
        ("1.0-dense-counted.safetensors", Codec::Dense, safetensors_file(&unpredictable(random))),
    ]
}

/// Tables of many blocks and pages, whose rows have no tail; in one, exponents pair the other way.
fn blocks() -> Vec<support::Tensor<'static>> {
    let mut random = Random(11);
    let (of_64, of_192, of_128) = (510, 172, 257);
    let mut bf16 = random.bf16_weights(of_64 * 64, 500);
    // A plain row at the end of a block, and one at the beginning of the next.
    bf16[31 * 64..33 * 64].copy_from_slice(&every_word()[..128]);
    let twice: Vec<u16> = bf16.iter().map(|word| word.wrapping_add(0x80)).collect();
    let disguised = as_f16(&random.bf16_weights(of_192 * 192, 0));
    let native = native_f16(&mut random, of_128 * 128);
    vec![
        ("bf16", "BF16", vec![of_64 as u64, 64], le(&bf16)),
        ("twice", "BF16", vec![of_64 as u64, 64], le(&twice)),
        ("disguised", "F16", vec![of_192 as u64, 192], le(&disguised)),
        ("native", "F16", vec![of_128 as u64, 128], le(&native)),
    ]
}

/// Rows of many groups, whose levels are counted in two bytes, and rows that pass more words on than others.
fn long_rows() -> Vec<support::Tensor<'static>> {
    let mut random = Random(5);
    let mut wide = random.bf16_weights(40 * 2112, 300);
    let mut rows = random.bf16_weights(300 * 256, 0);
    for word in rows[..20 * 256].iter_mut().chain(&mut wide[..2112]) {
        let by = random.next() % 24;
        *word = if by < 12 { word.wrapping_sub(0x0400 + 0x80 * by as u16) } else { *word };
    }
    vec![
        ("wide", "BF16", vec![40, 2112], le(&wide)),
        ("rows", "BF16", vec![300, 256], le(&rows)),
        ("native", "F16", vec![12, 4096], le(&native_f16(&mut random, 12 * 4096))),
    ]
}

/// Rows that pages hold many of, rows longer than a page, and rows of which a page holds no more when they are coded.
fn pages() -> Vec<support::Tensor<'static>> {
    let mut random = Random(21);
    let mut table = |name, rows: u64, dim: u64| -> support::Tensor<'static> {
        (name, "BF16", vec![rows, dim], le(&random.bf16_weights((rows * dim) as usize, 4000)))
    };
    vec![table("short", 200, 160), table("long", 8, 3000), table("between", 12, 1500)]
}

/// Compresses as a golden file says by its name.
fn compressed(name: &str, codec: Codec, source: &Path, target: &Path) {
    let mut options = support::options(codec, Selection::All, 2);
    options.pages = name.contains("-pages.");
    let report = xnc::compress(source, target, &options).expect("compresses");
    assert!(report.tensors.iter().any(|tensor| tensor.codec == Some(codec)), "{name}: {:?}", report.nothing);
}

/// Values of 16 bits stored as F32, a NaN, infinities, subnormals and both zeros among them; and values that
/// are not of 16 bits.
fn wide_types() -> Vec<support::Tensor<'static>> {
    let mut random = Random(31);
    let mut bf16 = random.bf16_weights(90 * 70, 150);
    let mut f16 = native_f16(&mut random, 80 * 66);
    // A signalling NaN stays one as BF16 and has no FP16 word, so FP16 has quiet ones only.
    bf16[100..110]
        .copy_from_slice(&[0x7fc1, 0xffc0, 0x7f81, 0x7f80, 0xff80, 0x0001, 0x807f, 0x8000, 0x0000, 0x7f7f]);
    f16[100..110]
        .copy_from_slice(&[0x7e01, 0xfe00, 0x7fff, 0x7c00, 0xfc00, 0x0001, 0x83ff, 0x8000, 0x0000, 0x7bff]);
    let real: Vec<u8> = (0..40 * 33).flat_map(|_| random.normal().to_le_bytes()).collect();
    vec![
        ("bf16.as.f32", "F32", vec![90, 70], bf16_as_f32(&bf16)),
        ("f16.as.f32", "F32", vec![80, 66], f16_as_f32(&f16)),
        ("bf16.as.f32.too", "F32", vec![90, 70], bf16_as_f32(&bf16)),
        ("f32", "F32", vec![40, 33], real),
    ]
}

/// FP16 words that use their whole mantissa.
fn native_f16(random: &mut Random, n: usize) -> Vec<u16> {
    (0..n).map(|_| half::f16::from_f32(random.normal()).to_bits()).collect()
}

/// Rows of more words than one byte can count entries for, with rare words further apart than a step can tell.
fn wide_rows() -> Vec<support::Tensor<'static>> {
    let (rows, dim) = (5, 16_400);
    let mut words: Vec<u16> =
        (0..rows * dim).map(|i| 0x3f00 + (i as u16).wrapping_mul(40_503) % 0x100).collect();
    for rare in [5, 6, 4200, 15_000, dim + 16_399] {
        words[rare] = 0x0123;
    }
    // More entries than one byte counts.
    words[dim..dim + 300].fill(0x0456);
    vec![("wide", "BF16", vec![rows as u64, dim as u64], le(&words))]
}

/// Tables whose rows predict each other, with rows and words that nothing predicts.
fn predictable(rows: usize) -> Vec<support::Tensor<'static>> {
    let dim = 36;
    let mut random = Random(7);
    let mean: Vec<f32> = (0..dim).map(|_| 0.05 * random.normal()).collect();
    let centres: Vec<f32> = (0..90 * dim).map(|_| random.normal()).collect();
    let mut values = Vec::with_capacity(rows * dim);
    for row in 0..rows {
        let centre = &centres[random.next() as usize % 90 * dim..][..dim];
        let size = 0.02 * (1.0 + (row % 7) as f32);
        let mut before = 0.0;
        for j in 0..dim {
            before = 0.5 * before + 0.2 * random.normal();
            values.push(mean[j] + size * (before + centre[j]));
        }
    }
    let bf16: Vec<u16> = values.iter().map(|&v| half::bf16::from_f32(v).to_bits()).collect();
    let image = as_f16(&bf16);
    let native: Vec<u16> = values.iter().map(|&v| half::f16::from_f32(4.0 * v).to_bits()).collect();
    let mut odd = bf16;
    odd[5 * dim..7 * dim].fill(0);
    for at in (0..rows * dim).step_by(1009) {
        odd[at] = random.next() as u16;
    }
    let shape = || vec![rows as u64, dim as u64];
    vec![
        ("odd", "BF16", shape(), le(&odd)),
        ("image", "F16", shape(), le(&image)),
        ("native", "F16", shape(), le(&native)),
    ]
}

/// Tables of few rows, that nothing predicts, with one row to a stream, and two; lower bytes whose last bits
/// are as good as random.
fn unpredictable(mut random: Random) -> Vec<support::Tensor<'static>> {
    let one = random.bf16_weights(3 * 2100, 0);
    let two = random.bf16_weights(5 * 1030, 0);
    vec![("one", "BF16", vec![3, 2100], le(&one)), ("two", "BF16", vec![5, 1030], le(&two))]
}

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec")
}

/// Writes golden files that are missing, when asked to.
fn bless() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for (name, codec, source) in golden() {
            let path = spec().join("vectors").join(name);
            if !path.exists() && std::env::var_os("XNC_BLESS").is_some() {
                std::fs::create_dir_all(spec().join("vectors")).expect("makes the folder of golden files");
                let folder = tempfile::tempdir().expect("temporary folder");
                compressed(name, codec, &write(folder.path(), "source", &source), &path);
            }
        }
    });
}

/// Every table of a golden file, on every backend, against the same one plain.
#[test]
fn tables_of_golden_files_answer_as_plain_ones_on_every_backend() {
    bless();
    for (name, codec, source) in golden() {
        let packed = Model::open(spec().join("vectors").join(name)).expect("opens");
        let plain = Model::from_bytes(source).expect("a good file");
        let mut compressed = 0;
        for tensor in packed.tensors().filter(|tensor| tensor.codec.is_some()) {
            assert_eq!(tensor.codec, Some(codec), "{name}");
            let twin = plain.table(&tensor.name).expect("opens");
            for backend in support::backends() {
                let mut options = OpenOptions::default();
                options.backend = Some(backend);
                let table = packed.table_with(&tensor.name, &options).expect("opens");
                assert_eq!((table.codec(), table.backend()), (Some(codec), backend));
                assert_twins(&twin, &table, &format!("{name} {} {backend:?}", tensor.name));
            }
            compressed += 1;
        }
        assert!(compressed > 0, "{name} holds no compressed tensor");
    }
}

/// Restoring and writing take the backend that the environment pins, so each gets a process of its own.
#[test]
fn golden_files_are_the_same_on_every_backend() {
    bless();
    for backend in support::backends() {
        // None of these names is part of this test's.
        let tests = ["golden_files_restore", "golden_files_are_what_this_version_writes"];
        let output = support::this_program()
            .args(tests)
            .env("XNC_BACKEND", backend.to_string())
            .output()
            .expect("starts");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("2 passed"), "{backend:?}: {told}");
    }
}

#[test]
fn golden_files_restore() {
    bless();
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, _, source) in golden() {
        let path = spec().join("vectors").join(name);
        let back = folder.path().join("back");
        restore(&path, &back).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(std::fs::read(&back).expect("restored") == source, "{name} restores other bytes");
    }
}

#[test]
fn golden_files_are_what_this_version_writes() {
    // While the format version is that of the golden files; a change here is a new version.
    bless();
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, codec, source) in golden() {
        let packed = folder.path().join("packed");
        compressed(name, codec, &write(folder.path(), "source", &source), &packed);
        let golden = std::fs::read(spec().join("vectors").join(name)).expect("golden file");
        assert!(std::fs::read(&packed).expect("written") == golden, "{name} is written differently");
    }
}

#[test]
fn the_decoder_written_from_the_spec_agrees() {
    bless();
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, _, source) in golden() {
        let back = folder.path().join(name);
        let output = Command::new(python())
            .arg(spec().join("decode.py"))
            .arg("restore")
            .arg(spec().join("vectors").join(name))
            .arg(&back)
            .output()
            .expect("Python 3 runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(std::fs::read(&back).expect("restored") == source, "{name} restores other bytes");
    }
}

/// Opens a compressed file with the package of its format and reads every tensor; the plain ones must be as
/// they were.
const READ_WITH_PACKAGES: &str = r#"
import sys
import numpy
path = sys.argv[1]
if path.endswith("gguf"):
    import gguf
    tensors = {t.name: numpy.array(t.data) for t in gguf.GGUFReader(path).tensors}
    byte = numpy.int8
else:
    from safetensors.numpy import load_file
    tensors, byte = load_file(path), numpy.uint8
assert tensors["model.embed_tokens.weight"].dtype == byte, tensors["model.embed_tokens.weight"].dtype
assert tensors["model.embed_tokens.weight"].ndim == 1
assert tensors["lm_head.weight"].size == 0
assert tensors["norm.weight"].tolist() == [1.0, 2.0], tensors["norm.weight"]
assert bytes(tensors["xnc.file"]).startswith(b'{"crc32c":"')
print("read", len(tensors), "tensors")
"#;

#[test]
fn the_packages_of_both_formats_open_compressed_files() {
    let Some(python) = std::env::var_os("XNC_TEST_PYTHON") else {
        eprintln!("reading with the safetensors and gguf packages runs in `cargo xtask test` only");
        return;
    };
    for name in ["1.0-xnc.safetensors", "1.0-xnc.gguf", "1.0-fast.safetensors", "1.0-fast.gguf"] {
        let path = spec().join("vectors").join(name);
        let output =
            Command::new(&python).args(["-c", READ_WITH_PACKAGES]).arg(path).output().expect("Python runs");
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("read "));
    }
}

fn python() -> std::ffi::OsString {
    std::env::var_os("XNC_TEST_PYTHON").unwrap_or_else(|| "python3".into())
}
