//! Compressed files and tables under another codec: the same bytes as from the source, and the same answers.

mod support;

use std::path::Path;

use support::{
    Random, Tensor, as_f16, assert_twins, bf16_as_f32, compress_all, every_word, f16_as_f32, gguf_file, le,
    open, restore, safetensors_file, write,
};
use xnc::{Codec, EncodeOptions, Model, Selection};

fn transcode(source: &Path, target: &Path, codec: Codec) -> xnc::Result<xnc::CompressReport> {
    xnc::transcode(source, target, &support::options(codec, Selection::default(), 2))
}

fn to(codec: Codec) -> EncodeOptions {
    let mut options = EncodeOptions::default();
    options.codec = codec;
    options
}

/// Tables of every kind: plain BF16, BF16 in disguise, native FP16, F32 of either kind, a duplicate, a wild
/// one that stays plain, and no table.
fn tensors() -> Vec<Tensor<'static>> {
    let mut random = Random(5);
    let words = random.bf16_weights(300 * 70, 400);
    let native: Vec<u16> =
        (0..300 * 40).map(|_| half::f16::from_f32(0.1 * random.normal()).to_bits()).collect();
    vec![
        ("model.embed_tokens.weight", "BF16", vec![300, 70], le(&words)),
        ("image", "F16", vec![300, 70], le(&as_f16(&words))),
        ("native", "F16", vec![300, 40], le(&native)),
        ("bf16.as.f32", "F32", vec![300, 70], bf16_as_f32(&words)),
        ("f16.as.f32", "F32", vec![300, 40], f16_as_f32(&native)),
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
                // Tables that stayed plain the first time stay so; the others are named, that a codec may
                // have its own view.
                let model = Model::open(&compressed).expect("opens");
                let coded = model.tensors().filter(|tensor| tensor.codec.is_some());
                let names: Vec<String> = coded.map(|tensor| tensor.name).collect();
                assert!(names.len() > 2, "{names:?}");
                let selection = Selection::Named(names);
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
fn tables_in_memory_go_from_every_codec_to_every_codec() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = write(folder.path(), "plain", &safetensors_file(&tensors()));
    for &from in Codec::ALL {
        let compressed = folder.path().join("compressed");
        compress_all(from, &plain, &compressed);
        for name in [
            "model.embed_tokens.weight",
            "image",
            "native",
            "bf16.as.f32",
            "f16.as.f32",
            "lm_head.weight",
            "every",
        ] {
            let (expected, table) = (open(&plain, name), open(&compressed, name));
            for &codec in Codec::ALL {
                let other = table.transcode(&to(codec)).expect("encodes");
                let what = format!("{name} {from} to {codec}");
                assert_eq!((other.codec(), other.name()), (Some(codec), name), "{what}");
                assert_twins(&expected, &other, &what);
                let back = other.transcode(&to(from)).expect("encodes");
                assert_twins(&expected, &back, &format!("{what} and back"));
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
    let model = Model::open(&compressed).expect("opens");
    let at = model.tensor(name).expect("is there").ranges[0].start as usize + 1000;
    bytes[at] ^= 1;
    let damaged = write(folder.path(), "damaged", &bytes);
    let target = folder.path().join("target");
    let error = transcode(&damaged, &target, Codec::Fast).expect_err("damaged").to_string();
    assert!(error.contains(name) && error.contains("checksum of chunk"), "{error}");
    assert!(!target.exists());
    let table = open(&damaged, name);
    for codec in [Codec::Fast, Codec::Xnc] {
        assert!(matches!(table.transcode(&to(codec)), Err(xnc::Error::Corrupt { .. })));
    }
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
        let options = support::options(codec, Selection::Embeddings, 1);
        xnc::compress(&path("model"), &path(target), &options).expect("compresses");
    }
    transcode(&path("dense"), &path("found"), Codec::Fast).expect("transcodes");
    for file in ["model.safetensors", "config.json", "notes.txt", "xnc.json"] {
        let read = |of: &str| std::fs::read(path(of).join(file)).expect("read");
        assert!(read("found") == read("fast"), "{file}");
    }
}

/// Unlike in codec `dense`, whose rows refer to each other, only the rows of the damaged chunk are lost.
#[test]
fn a_table_that_could_not_be_transcoded_is_still_a_table() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(8).bf16_weights(3000 * 64, 0);
    let file = safetensors_file(&[("wte.weight", "BF16", vec![3000, 64], le(&words))]);
    let plain = write(folder.path(), "plain", &file);
    for codec in [Codec::Fast, Codec::Xnc] {
        let packed = folder.path().join("packed");
        compress_all(codec, &plain, &packed);
        let mut bytes = std::fs::read(&packed).expect("read");
        let payload =
            Model::open(&packed).expect("opens").tensor("wte.weight").expect("is there").ranges[0].clone();
        bytes[(payload.start + payload.end) as usize / 2] ^= 4;
        let table = open(&write(folder.path(), "damaged", &bytes), "wte.weight");
        let good = |table: &xnc::Table| -> Vec<bool> {
            let mut row = vec![0; 64];
            (0..3000)
                .map(|id| table.row(id, &mut row).map(|()| assert!(row == words[id * 64..][..64])).is_ok())
                .collect()
        };
        for _ in 0..2 {
            for &other in Codec::ALL.iter().filter(|&&other| other != codec) {
                let error = table.transcode(&to(other)).expect_err("damaged");
                assert!(
                    matches!(&error, xnc::Error::Corrupt { what, .. } if what.contains("wte.weight")),
                    "{error}"
                );
            }
            let good = good(&table);
            let lost = good.iter().filter(|&&good| !good).count();
            assert!(good[0] && good[2999] && lost > 0 && lost < 1500, "{codec}: {lost} rows are lost");
        }
    }
}
