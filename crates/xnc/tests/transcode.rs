//! Compressed files and tables under another codec: the same bytes as from the source, and the same answers.

mod support;

use std::path::Path;

use support::{Random, Tensor, compress_all, every_word, gguf_file, le, restore, safetensors_file, write};
use xnc::{Codec, Effort, Progress, Table, TranscodeOptions, Verify};

fn transcode(source: &Path, target: &Path, codec: Codec) -> xnc::Result<xnc::CompressReport> {
    let (effort, progress) = (Effort::default(), Progress::silent());
    xnc::transcode(source, target, &TranscodeOptions { codec, effort, threads: 2, force: true, progress })
}

/// Tables of every kind: plain BF16, BF16 in disguise, native FP16, a duplicate, a wild one that stays plain, and no table.
fn tensors() -> Vec<Tensor<'static>> {
    let mut random = Random(5);
    let words = random.bf16_weights(300 * 70, 400);
    let image = words.iter().map(|&w| half::f16::from_f32(half::bf16::from_bits(w).to_f32()).to_bits());
    let native: Vec<u16> =
        (0..300 * 40).map(|_| half::f16::from_f32(0.1 * random.normal()).to_bits()).collect();
    vec![
        ("model.embed_tokens.weight", "BF16", vec![300, 70], le(&words)),
        ("image", "F16", vec![300, 70], le(&image.collect::<Vec<_>>())),
        ("native", "F16", vec![300, 40], le(&native)),
        ("every", "BF16", vec![256, 256], le(&every_word())),
        ("lm_head.weight", "BF16", vec![300, 70], le(&words)),
        ("norm.weight", "F32", vec![1], vec![0, 0, 128, 63]),
    ]
}

#[test]
fn every_codec_from_every_codec_is_what_compress_writes() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for source in [safetensors_file(&tensors()), gguf_file(&tensors(), Some(16))] {
        let plain = write(folder.path(), "plain", &source);
        for &from in Codec::ALL {
            let compressed = folder.path().join("compressed");
            compress_all(from, &plain, &compressed);
            for &to in Codec::ALL {
                let (expected, found) = (folder.path().join("expected"), folder.path().join("found"));
                // Tables that stayed plain the first time stay so; the others are named, that a codec may have its own view.
                let names: Vec<String> = xnc::container::Container::open(&compressed)
                    .expect("opens")
                    .metas()
                    .keys()
                    .cloned()
                    .collect();
                let selection = xnc::Selection::Named(names);
                xnc::compress(&plain, &expected, &support::options(to, selection, 1)).expect("compresses");
                transcode(&compressed, &found, to).expect("transcodes");
                let same = std::fs::read(&expected).expect("read") == std::fs::read(&found).expect("read");
                assert!(same, "{from:?} to {to:?}");
                let back = folder.path().join("back");
                restore(&found, &back).expect("restores");
                assert!(std::fs::read(&back).expect("read") == source);
            }
        }
    }
}

#[test]
fn a_table_opened_into_fast_answers_as_the_plain_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = write(folder.path(), "plain", &safetensors_file(&tensors()));
    let mut random = Random(6);
    for codec in [Codec::Dense, Codec::Xnc, Codec::Fast] {
        let compressed = folder.path().join("compressed");
        compress_all(codec, &plain, &compressed);
        for name in ["model.embed_tokens.weight", "image", "lm_head.weight"] {
            let expected = Table::open(&plain, name, Verify::Never).expect("opens");
            let table = Table::open(&compressed, name, Verify::OnTouch).expect("opens");
            let table = table.into_fast(1).expect("encodes");
            assert_eq!(table.codec(), Some(Codec::Fast));
            let ids: Vec<usize> = (0..expected.rows()).rev().collect();
            let (mut a, mut b) = (vec![0; 300 * 70], vec![0; 300 * 70]);
            expected.gather(&ids, &mut a).expect("rows");
            table.gather(&ids, &mut b).expect("rows");
            assert!(a == b, "{codec:?} {name}");
            let x: Vec<f32> = (0..2 * 70).map(|_| random.normal()).collect();
            let (mut a, mut b) = (vec![0.0; 600], vec![0.0; 600]);
            expected.product(&x, &mut a).expect("product");
            table.product(&x, &mut b).expect("product");
            let same = |a: &[f32], b: &[f32]| {
                a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
            };
            assert!(same(&a, &b), "{codec:?} {name}");
            if name != "image" {
                let x: Vec<u16> = x[..70].iter().map(|x| half::bf16::from_f32(*x).to_bits()).collect();
                expected.product_bf16(&x, &mut a[..300]).expect("product");
                table.product_bf16(&x, &mut b[..300]).expect("product");
                assert!(same(&a[..300], &b[..300]), "{codec:?} {name} bf16");
            }
        }
    }
}

#[test]
fn a_damaged_chunk_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = write(folder.path(), "plain", &safetensors_file(&tensors()));
    let compressed = folder.path().join("compressed");
    compress_all(Codec::Dense, &plain, &compressed);
    let mut bytes = std::fs::read(&compressed).expect("read");
    let name = "model.embed_tokens.weight";
    let at = {
        let file = xnc::container::Container::open(&compressed).expect("opens");
        file.layout().tensor(name).expect("the payload").range.start as usize + 1000
    };
    bytes[at] ^= 1;
    let damaged = write(folder.path(), "damaged", &bytes);
    let target = folder.path().join("target");
    let error = transcode(&damaged, &target, Codec::Fast).expect_err("damaged").to_string();
    assert!(error.contains(name) && error.contains("checksum of chunk"), "{error}");
    assert!(!target.exists());
    let table = Table::open(&damaged, name, Verify::OnTouch).expect("the index is good");
    assert!(matches!(table.into_fast(1), Err(xnc::Error::Corrupt { .. })));
}

#[test]
fn a_folder_of_dense_files_becomes_one_of_fast_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("model")).expect("makes");
    write(&path("model"), "model.safetensors", &safetensors_file(&tensors()));
    write(&path("model"), "config.json", br#"{"vocab_size": 300}"#);
    write(&path("model"), "notes.txt", b"nothing here");
    for (codec, target) in [(Codec::Dense, "dense"), (Codec::Fast, "fast")] {
        let options = support::options(codec, xnc::Selection::Embeddings, 1);
        xnc::compress(&path("model"), &path(target), &options).expect("compresses");
    }
    transcode(&path("dense"), &path("found"), Codec::Fast).expect("transcodes");
    for file in ["model.safetensors", "config.json", "notes.txt", "xnc.json"] {
        let read = |of: &str| std::fs::read(path(of).join(file)).expect("read");
        assert!(read("found") == read("fast"), "{file}");
    }
}
