//! Compressed files and folders beside the source that they were made of, or one that they were not.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::folders::{bf16, compress, small_model, tensor};
use support::{Random, Tensor, as_f16, bf16_as_f32, compress_all, gguf_file, le, safetensors_file, write};
use xnc::{Codec, Error, Progress};

fn against(source: &Path, other: &Path) -> xnc::Result<xnc::RestoreReport> {
    xnc::verify(source, Some(other), 2, &Progress::default())
}

/// A difference.
#[derive(Debug)]
struct Difference {
    tensor: Option<String>,
    element: Option<[u64; 2]>,
    offset: Option<u64>,
    restored: String,
    source: String,
}

impl Difference {
    fn of(error: Error) -> Difference {
        match error {
            Error::Differs { tensor, element, offset, restored, there } => {
                Difference { tensor, element, offset, restored, source: there }
            }
            other => panic!("{other}"),
        }
    }
}

/// What differs, and in which file of a folder.
fn difference(source: &Path, other: &Path) -> (Option<PathBuf>, Difference) {
    match against(source, other).expect_err("differs") {
        Error::InFile { file, cause } => (Some(file), Difference::of(*cause)),
        other => (None, Difference::of(other)),
    }
}

/// A table, one in disguise, a plain matrix, blocks, a lone number, a tensor without elements.
fn tensors(is_gguf: bool) -> Vec<Tensor<'static>> {
    let words = Random(5).bf16_weights(300 * 64, 900);
    let mut all: Vec<Tensor<'static>> = vec![
        ("token_embd.weight", "BF16", vec![300, 64], le(&words)),
        ("wide.weight", "F32", vec![300, 64], bf16_as_f32(&words)),
        ("cast.weight", "F16", vec![300, 64], le(&as_f16(&words))),
        ("norm.weight", "F32", vec![64], (0..64u32).flat_map(|i| (i as f32).to_le_bytes()).collect()),
        ("none.weight", "F32", vec![0, 7], Vec::new()),
    ];
    match is_gguf {
        true => all.push(("blocks.weight", "Q8_0", vec![2, 32], (0..68).collect())),
        false => all.push(("bytes.weight", "U8", vec![2, 2, 9], (0..36).collect())),
    }
    all
}

fn file(is_gguf: bool, tensors: &[Tensor<'_>]) -> Vec<u8> {
    if is_gguf { gguf_file(tensors, Some(32)) } else { safetensors_file(tensors) }
}

#[test]
fn every_flipped_byte_of_a_source_is_found_where_it_is() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    for (is_gguf, extension) in [(false, "safetensors"), (true, "gguf")] {
        let tensors = tensors(is_gguf);
        let bytes = file(is_gguf, &tensors);
        let source = write(dir, &format!("m.{extension}"), &bytes);
        // Where the tensors of the file lie, found by their bytes.
        let place = |data: &[u8]| bytes.windows(data.len()).position(|window| window == data);
        for codec in Codec::ALL {
            let packed = dir.join(format!("m.{codec}.{extension}"));
            compress_all(*codec, &source, &packed);
            let report = against(&packed, &source).expect("made of it");
            assert_eq!(report.bytes, bytes.len() as u64);
            let other = dir.join(format!("other.{extension}"));
            let mut random = Random(9);
            for _ in 0..100 {
                let (name, dtype, shape, data) = &tensors[random.next() as usize % tensors.len()];
                if data.is_empty() {
                    continue;
                }
                let at = random.next() as usize % data.len();
                let offset = place(data).expect("there") + at;
                let mut bad = bytes.clone();
                bad[offset] ^= 1 << (random.next() % 8);
                fs::write(&other, &bad).expect("writes");
                let (_, found) = difference(&packed, &other);
                let size = match *dtype {
                    "BF16" | "F16" => 2,
                    "F32" => 4,
                    "U8" => 1,
                    _ => 0,
                };
                let dim = shape[1..].iter().product::<u64>() as usize;
                let element = (size > 0).then(|| [(at / size / dim) as u64, (at / size % dim) as u64]);
                assert_eq!(found.tensor.as_deref(), Some(*name), "{codec}: byte {offset}");
                assert_eq!((found.element, found.offset), (element, Some(offset as u64)), "{name}");
                let hex = |from: &[u8]| {
                    let from =
                        if size == 0 { &from[offset..=offset] } else { &from[offset - at % size..][..size] };
                    from.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>()
                };
                assert!(found.restored.starts_with(&hex(&bytes)) && found.source.starts_with(&hex(&bad)));
            }
        }
    }
}

#[test]
fn values_are_told_with_their_bits() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    let mut tensors = tensors(false);
    let source = write(dir, "m.safetensors", &safetensors_file(&tensors));
    let packed = dir.join("m.xnc.safetensors");
    compress_all(Codec::Dense, &source, &packed);
    tensors[3].3[4 * 5..4 * 6].copy_from_slice(&f32::NEG_INFINITY.to_le_bytes());
    let other = write(dir, "n.safetensors", &safetensors_file(&tensors));
    let error = against(&packed, &other).expect_err("differs").to_string();
    let place = "in tensor `norm.weight`, row 5, column 0, at byte ";
    assert!(error.starts_with("differs from the source ") && error.contains(place), "{error}");
    assert!(error.ends_with(": 40a00000 (5.0) restored, ff800000 (-inf) there"), "{error}");
}

#[test]
fn what_lies_outside_all_tensors_is_compared_last() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    for (is_gguf, extension) in [(false, "safetensors"), (true, "gguf")] {
        let bytes = file(is_gguf, &tensors(is_gguf));
        let source = write(dir, &format!("m.{extension}"), &bytes);
        let packed = dir.join(format!("m.xnc.{extension}"));
        compress_all(Codec::Fast, &source, &packed);
        let position = |text: &[u8]| bytes.windows(text.len()).position(|w| w == text).expect("there");
        let mut bad = bytes.clone();
        // The value of a pair: the header's length stays.
        let at = if is_gguf { position(b"llama") } else { position(b"\"pt\"") + 1 };
        bad[at] ^= 1;
        let other = write(dir, &format!("other.{extension}"), &bad);
        let (_, found) = difference(&packed, &other);
        assert_eq!((found.tensor, found.element, found.offset), (None, None, Some(at as u64)));
        assert_eq!(
            (found.restored, found.source),
            (format!("{:02x}", bytes[at]), format!("{:02x}", bad[at]))
        );
        // A tensor that differs, too, tells more.
        let norm = position(&1f32.to_le_bytes().into_iter().chain(2f32.to_le_bytes()).collect::<Vec<_>>());
        bad[norm] ^= 1;
        fs::write(&other, &bad).expect("writes");
        assert_eq!(difference(&packed, &other).1.tensor.as_deref(), Some("norm.weight"));
    }
    // Bytes at the end: more, fewer.
    let bytes = gguf_file(&tensors(true), None);
    let source = write(dir, "m.gguf", &bytes);
    let packed = dir.join("m.xnc.gguf");
    compress_all(Codec::Fast, &source, &packed);
    let longer = write(dir, "longer.gguf", &[&bytes[..], b"!"].concat());
    let (_, found) = difference(&packed, &longer);
    assert_eq!((found.offset, found.source.as_str()), (Some(bytes.len() as u64), "21"));
    let shorter = write(dir, "shorter.gguf", &bytes[..bytes.len() - 1]);
    let (_, found) = difference(&packed, &shorter);
    assert_eq!((found.offset, found.source.as_str()), (Some(bytes.len() as u64 - 1), "the end"));
    assert_eq!(found.restored, "6c", "the l of `tail`");
}

#[test]
fn another_structure_is_told_by_tensor() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    let tensors = tensors(false);
    let source = write(dir, "m.safetensors", &safetensors_file(&tensors));
    let packed = dir.join("m.xnc.safetensors");
    compress_all(Codec::Fast, &source, &packed);
    let told = |tensors: &[Tensor<'_>]| {
        let other = write(dir, "n.safetensors", &safetensors_file(tensors));
        let found = difference(&packed, &other).1;
        assert_eq!((found.element, found.offset), (None, None));
        (found.tensor.expect("a tensor"), found.restored, found.source)
    };
    let expected =
        |name: &str, restored: &str, source: &str| (name.to_owned(), restored.to_owned(), source.to_owned());
    assert_eq!(told(&tensors[..3]), expected("norm.weight", "F32 64", "nothing"));
    let more = [&tensors[..], &[("more.weight", "U8", vec![], vec![7])]].concat();
    assert_eq!(told(&more), expected("more.weight", "nothing", "U8 scalar"));
    let mut other = tensors.clone();
    other[0].2 = vec![64, 300];
    assert_eq!(told(&other), expected("token_embd.weight", "BF16 300 x 64", "BF16 64 x 300"));
    other = tensors.clone();
    other[2].1 = "BF16";
    assert_eq!(told(&other), expected("cast.weight", "F16 300 x 64", "BF16 300 x 64"));
    // The same tensors in another order: every tensor is the same, and the header is not.
    other = tensors.iter().rev().cloned().collect();
    let other = write(dir, "n.safetensors", &safetensors_file(&other));
    let found = difference(&packed, &other).1;
    assert!(found.tensor.is_none() && found.offset.is_some_and(|at| at < 1000), "{found:?}");
}

#[test]
fn sources_that_are_none_are_refused_by_their_own_name() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    let tensors = tensors(false);
    let bytes = safetensors_file(&tensors);
    let source = write(dir, "m.safetensors", &bytes);
    let packed = dir.join("m.xnc.safetensors");
    compress_all(Codec::Fast, &source, &packed);
    let cause = |other: &Path| match against(&packed, other).expect_err("refused") {
        Error::InFile { file, cause } if file == other => *cause,
        other => panic!("{other}"),
    };
    assert!(matches!(cause(&packed), Error::AlreadyCompressed { .. }));
    assert!(matches!(cause(&write(dir, "page.gguf", b"<!DOCTYPE html>")), Error::NotAModel { .. }));
    let cut = write(dir, "cut.safetensors", &bytes[..bytes.len() - 1]);
    assert!(matches!(cause(&cut), Error::Corrupt { what, .. } if what.contains("cut short")));
    let gguf = write(dir, "m.gguf", &gguf_file(&[tensor("e.weight", bf16(1, 300, 64))], None));
    let (_, found) = difference(&packed, &gguf);
    assert_eq!((found.restored.as_str(), found.source.as_str()), ("safetensors", "gguf"));
    for (one, other) in [(packed.as_path(), dir), (packed.as_path(), &dir.join("absent")), (dir, &source)] {
        let error = against(one, other).expect_err("refused");
        assert!(matches!(&error, Error::Io { path, .. } if path == other), "{error}");
    }
    assert!(matches!(against(&source, &source), Err(Error::NotCompressed { .. })));
}

#[test]
fn folders_are_compared_file_by_file_and_tables_first() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source, &packed, false).expect("compresses");
    assert_eq!(against(&packed, &source).expect("made of it").files, 5);
    let mut undo = Vec::new();
    let mut edit = |file: &str, with: &dyn Fn(&mut Vec<u8>)| {
        let path = source.join(file);
        let mut bytes = fs::read(&path).expect("reads");
        undo.push((path.clone(), bytes.clone()));
        with(&mut bytes);
        fs::write(path, bytes).expect("writes");
    };
    let found = || {
        let (file, found) = difference(&packed, &source);
        (file.expect("a file").display().to_string().replace('\\', "/"), found)
    };
    // Each edit is found before the one that came before it.
    edit("text/README.md", &|bytes| bytes.truncate(3));
    let (file, readme) = found();
    assert_eq!(
        (file.as_str(), readme.offset, readme.source.as_str()),
        ("text/README.md", Some(3), "the end")
    );
    assert_eq!(readme.restored, "65");
    edit("model.safetensors.index.json", &|bytes| bytes.push(b' '));
    let (file, index) = found();
    assert_eq!((file.as_str(), index.source.as_str()), ("model.safetensors.index.json", "20"));
    edit("b.safetensors", &|bytes| *bytes.last_mut().expect("bytes") ^= 0x80);
    let (file, shard) = found();
    assert_eq!((file.as_str(), shard.tensor.as_deref()), ("b.safetensors", Some("lm_head.weight")));
    assert_eq!(shard.element, Some([299, 63]));
    for (path, bytes) in undo {
        fs::write(path, bytes).expect("writes");
    }
    against(&packed, &source).expect("as it was");
    // More files, fewer files.
    fs::write(source.join("text/more.txt"), "more").expect("writes");
    let (file, more) = found();
    assert_eq!((file.as_str(), more.source.as_str()), ("text/more.txt", "a file of 4 bytes"));
    fs::rename(source.join("text/more.txt"), source.join(".xnc-abcdef.part")).expect("renames");
    against(&packed, &source).expect("what an interrupted run left is no part of the model");
    fs::rename(source.join("b.safetensors"), temporary.path().join("b")).expect("renames");
    let (file, gone) = found();
    assert_eq!((file.as_str(), gone.source.as_str()), ("b.safetensors", "nothing"));
    fs::create_dir(source.join("b.safetensors")).expect("makes");
    assert!(
        matches!(against(&packed, &source), Err(Error::Io { path, .. }) if path.ends_with("b.safetensors"))
    );
    fs::remove_dir(source.join("b.safetensors")).expect("removes");
    // A shard of the source that is compressed, and a source that is.
    fs::copy(packed.join("b.safetensors"), source.join("b.safetensors")).expect("copies");
    let error = against(&packed, &source).expect_err("compressed");
    let shard = source.join("b.safetensors");
    assert!(matches!(&error, Error::InFile { file, .. } if *file == shard), "{error}");
    assert!(matches!(against(&packed, &packed), Err(Error::InFile { file, .. }) if file == packed));
}

#[test]
fn edited_texts_of_the_compressed_folder_are_told_as_such() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    compress(&source, &packed, false).expect("compresses");
    fs::write(packed.join("text/README.md"), "mine").expect("writes");
    fs::remove_file(packed.join("config.json")).expect("removes");
    let error = against(&packed, &source).expect_err("edited");
    assert!(matches!(&error, Error::Edited { files } if files.len() == 2), "{error}");
    fs::write(source.join("text/README.md"), "mine").expect("writes");
    assert!(matches!(against(&packed, &source), Err(Error::Edited { .. })), "both were edited");
    // Damage comes before any comparison of what is damaged, checked by chunk or by file alone.
    let shard = packed.join("a.safetensors");
    let mut bytes = fs::read(&shard).expect("reads");
    let at = bytes.len() / 3;
    bytes[at] ^= 1;
    fs::write(&shard, bytes).expect("writes");
    let error = against(&packed, &source).expect_err("damaged").to_string();
    assert!(error.starts_with("a.safetensors: corrupt file"), "{error}");
}

#[test]
fn a_damaged_plain_tensor_is_damage_and_no_difference() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let dir = temporary.path();
    let mut tensors = tensors(false);
    let source = write(dir, "m.safetensors", &safetensors_file(&tensors));
    let packed = dir.join("m.xnc.safetensors");
    compress_all(Codec::Fast, &source, &packed);
    let mut bytes = fs::read(&packed).expect("reads");
    let norm = tensors[3].3.clone();
    let at = bytes.windows(norm.len()).position(|window| window == norm).expect("it is plain");
    bytes[at + 9] ^= 1;
    fs::write(&packed, &bytes).expect("writes");
    let error = against(&packed, &source).expect_err("damaged");
    assert!(matches!(&error, Error::Corrupt { what, .. } if what.contains("SHA-256")), "{error}");
    // Also beside a source that differs.
    tensors[0].3[7] ^= 1;
    let other = write(dir, "n.safetensors", &safetensors_file(&tensors));
    assert!(matches!(against(&packed, &other), Err(Error::Corrupt { .. })));
}

#[test]
fn shards_without_tables_are_compared_by_tensor_too() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let [source, packed] = ["m", "m.xnc"].map(|name| temporary.path().join(name));
    small_model(&source, 1);
    let layers = safetensors_file(&[tensor("layers.0.up", bf16(7, 40, 64))]);
    fs::write(source.join("z.safetensors"), &layers).expect("writes");
    compress(&source, &packed, false).expect("compresses");
    assert!(fs::read(packed.join("z.safetensors")).expect("reads") == layers, "it is copied");
    against(&packed, &source).expect("made of it");
    let mut bytes = layers.clone();
    let at = bytes.len() - 2 * (64 * 3 + 5);
    bytes[at] ^= 1;
    fs::write(source.join("z.safetensors"), &bytes).expect("writes");
    fs::write(source.join("text/README.md"), "edited").expect("writes");
    let (file, found) = difference(&packed, &source);
    assert_eq!(file.as_deref(), Some(Path::new("z.safetensors")));
    assert_eq!((found.tensor.as_deref(), found.element), (Some("layers.0.up"), Some([36, 59])));
    // The copy is damaged as well: then that is what is told.
    fs::write(packed.join("z.safetensors"), &layers[..layers.len() - 2]).expect("writes");
    let error = against(&packed, &source).expect_err("damaged").to_string();
    assert!(error.starts_with("z.safetensors: ") && error.contains("SHA-256"), "{error}");
}
