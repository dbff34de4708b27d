//! Compress, restore, look up: the source's bytes and words come back, whatever the shape.

mod support;

use support::{
    Random, Tensor, compress_all, every_word, gguf_file, le, open, options, restore, safetensors_file, write,
};
use xnc::{Codec, Model, Selection};

/// Tensors of every awkward kind.
fn tensors(seed: u64) -> Vec<Tensor<'static>> {
    let mut random = Random(seed);
    let mut weights = |dtype: &str, n: usize| {
        let words = random.bf16_weights(n, 300);
        let f16 = |word: &u16| half::f16::from_f32(half::bf16::from_bits(*word).to_f32()).to_bits();
        le(&if dtype == "F16" { words.iter().map(f16).collect() } else { words })
    };
    let tied = weights("BF16", 300 * 64);
    vec![
        ("layers.0.norm.weight", "F32", vec![3, 3], vec![7; 36]),
        ("model.embed_tokens.weight", "BF16", vec![300, 64], tied.clone()),
        ("ragged.weight", "BF16", vec![1021, 37], weights("BF16", 1021 * 37)),
        ("half.weight", "F16", vec![700, 48], weights("F16", 700 * 48)),
        ("every.bf16", "BF16", vec![512, 128], le(&every_word())),
        ("every.f16", "F16", vec![512, 128], le(&every_word())),
        ("cube.weight", "F16", vec![20, 30, 40], weights("F16", 20 * 30 * 40)),
        ("vector.weight", "BF16", vec![4096], weights("BF16", 4096)),
        ("zeros.weight", "BF16", vec![400, 33], vec![0; 400 * 66]),
        ("lm_head.weight", "BF16", vec![300, 64], tied),
        ("one.weight", "BF16", vec![1, 1], vec![0x80, 0x3f]),
    ]
}

/// Tensors that only safetensors can hold.
fn odd_tensors() -> Vec<Tensor<'static>> {
    vec![
        ("no_rows.weight", "BF16", vec![0, 64], vec![]),
        ("no_columns.weight", "F16", vec![64, 0], vec![]),
        ("scalar", "F16", vec![], vec![0, 0x3c]),
        ("bytes", "U8", vec![5], vec![1, 2, 3, 4, 5]),
    ]
}

fn check(name: &str, source: &[u8], tensors: &[Tensor<'_>]) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = write(folder.path(), name, source);
    for &codec in Codec::ALL {
        let packed = folder.path().join("packed");
        let report = compress_all(codec, &plain, &packed);
        assert_eq!(report.output_bytes, Some(packed.metadata().expect("written").len()));
        assert!(report.tensors.iter().any(|t| t.same_as.as_deref() == Some("model.embed_tokens.weight")));
        let back = folder.path().join("back");
        restore(&packed, &back).expect("restores");
        assert!(std::fs::read(&back).expect("written") == source, "{name} with {} differs", codec.name());

        for (name, dtype, shape, bytes) in
            tensors.iter().filter(|t| matches!(t.1, "BF16" | "F16") && t.2.len() > 1)
        {
            let table = open(&packed, name);
            assert_eq!((table.rows() as u64, table.dtype().to_string()), (shape[0], (*dtype).to_owned()));
            let words: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
            let mut row = vec![0; table.dim()];
            for id in [0, table.rows() / 3, table.rows().saturating_sub(1)] {
                if id < table.rows() {
                    table.row(id, &mut row).expect("row");
                    assert_eq!(row, words[id * table.dim()..][..table.dim()], "{name} row {id}");
                }
            }
            let mut all = vec![0; words.len()];
            table.gather(&(0..table.rows()).collect::<Vec<_>>(), &mut all).expect("gather");
            assert_eq!(all, words, "{name}");
            assert!(table.row(table.rows(), &mut row).is_err(), "a row past the end is an error");
        }
    }
}

#[test]
fn safetensors_of_every_shape() {
    let tensors = [tensors(1), odd_tensors()].concat();
    check("a.safetensors", &safetensors_file(&tensors), &tensors);
}

#[test]
fn gguf_with_and_without_alignment() {
    for alignment in [None, Some(8), Some(32), Some(64), Some(256)] {
        let tensors = tensors(2);
        check("a.gguf", &gguf_file(&tensors, alignment), &tensors);
    }
}

#[test]
fn payloads_begin_on_64_bytes_under_their_own_names() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, bytes) in
        [("a.safetensors", safetensors_file(&tensors(3))), ("a.gguf", gguf_file(&tensors(3), None))]
    {
        let packed = folder.path().join("packed");
        compress_all(Codec::Xnc, &write(folder.path(), name, &bytes), &packed);
        let file = Model::open(&packed).expect("opens");
        let compressed: Vec<_> = file.tensors().filter(|tensor| tensor.codec.is_some()).collect();
        assert!(compressed.len() > 5);
        for tensor in compressed {
            let [payload, ..] = &tensor.ranges[..] else { panic!("{} has no payload", tensor.name) };
            let length = (payload.end - payload.start) as usize;
            assert_eq!((payload.start % 64, length % 64), (0, 0), "{}", tensor.name);
            assert_eq!(file.bytes(&tensor.name).expect("under its own name").len(), length);
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(4).bf16_weights(3000 * 100, 1000);
    let file = safetensors_file(&[("wte.weight", "BF16", vec![3000, 100], le(&words))]);
    let plain = write(folder.path(), "a.safetensors", &file);
    for &codec in Codec::ALL {
        let packed = [1, 2, 5].map(|threads| {
            let target = folder.path().join(format!("packed.{threads}"));
            xnc::compress(&plain, &target, &options(codec, Selection::Embeddings, threads))
                .expect("compresses");
            std::fs::read(target).expect("written")
        });
        assert!(packed[0] == packed[1] && packed[0] == packed[2]);
    }
}

#[test]
fn a_header_that_no_writer_makes_comes_back() {
    // Names in another order than the data, blanks, escapes, a key of the summary.
    let words = le(&Random(5).bf16_weights(64 * 64, 0));
    let json = [
        r#"{ "z\u0061" : {"shape":[2], "dtype":"U8", "data_offsets":[FROM,TO]},"#,
        r#""wte.weight":{"data_offsets":[0,FROM],"dtype":"BF16","shape":[64,64]},"#,
        r#" "__metadata__":{"xnc_version":"9","b":"1"} }   "#,
    ];
    let json = json.join("\n").replace("FROM", &words.len().to_string());
    let json = json.replace("TO", &(words.len() + 2).to_string());
    let source = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &words, &[1, 2]].concat();
    let folder = tempfile::tempdir().expect("temporary folder");
    let packed = folder.path().join("packed");
    compress_all(Codec::Xnc, &write(folder.path(), "a.safetensors", &source), &packed);
    let file = std::fs::read(&packed).expect("written");
    let (_, header) = safetensors::SafeTensors::read_metadata(&file).expect("a valid file");
    let metadata = header.metadata().as_ref().expect("has metadata");
    let keys: std::collections::BTreeSet<_> = metadata.keys().map(String::as_str).collect();
    assert_eq!(Vec::from_iter(keys), ["b", "xnc_source_sha256", "xnc_tensors", "xnc_version"]);
    assert_ne!(metadata["xnc_version"], "9", "what the source says of another file");
    restore(&packed, &folder.path().join("back")).expect("restores");
    assert!(std::fs::read(folder.path().join("back")).expect("written") == source);
}
