//! What is encoded in memory is what files hold.

mod support;

use support::{
    Random, Tensor, all_words, as_f16, assert_twins, compress_all, every_word, gguf_file, le, open, options,
    plain_twin, restore, safetensors_file, write,
};
use xnc::{Backend, Codec, Dtype, EncodeOptions, Error, RestoreOptions, Selection, Table};

fn with(codec: Codec, threads: usize, backend: Option<Backend>) -> EncodeOptions {
    let mut options = EncodeOptions::default();
    (options.codec, options.threads, options.backend) = (codec, threads, backend);
    options
}

/// Tables that shrink under every codec, of both types: BF16, native FP16, BF16 in disguise.
fn usual() -> Vec<(Dtype, usize, usize, Vec<u16>)> {
    let mut random = Random(51);
    let mut all = Vec::new();
    for (rows, dim) in [(900, 64), (333, 100), (64, 1024)] {
        let words = random.bf16_weights(rows * dim, 400);
        all.push((Dtype::F16, rows, dim, as_f16(&random.bf16_weights(rows * dim, 0))));
        // Few mantissa bits, so that it shrinks under codec `xnc` too.
        let native = (0..rows * dim).map(|_| half::f16::from_f32(0.02 * random.normal()).to_bits() & !7);
        all.push((Dtype::F16, rows, dim, native.collect()));
        all.push((Dtype::Bf16, rows, dim, words));
    }
    all
}

#[test]
fn an_encoded_table_is_the_one_of_a_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (dtype, rows, dim, words) in usual() {
        let shape = vec![rows as u64, dim as u64];
        let source = safetensors_file(&[("wte.weight", type_name(dtype), shape, le(&words))]);
        let plain = write(folder.path(), "plain", &source);
        for &codec in Codec::ALL {
            let packed = folder.path().join("packed");
            compress_all(codec, &plain, &packed);
            let of_file = open(&packed, "wte.weight");
            assert_eq!(of_file.codec(), Some(codec));
            for threads in [0, 1, 2] {
                let what = format!("{codec} {dtype} {rows} x {dim}, {threads} threads");
                let table =
                    Table::encode(dtype, rows, dim, &words, &with(codec, threads, None)).expect("encodes");
                assert_eq!((table.codec(), table.name()), (Some(codec), ""), "{what}");
                assert_twins(&of_file, &table, &what);
                // Nothing but payload and index is held; a file adds its record and fills all up.
                let (held, in_file) = (table.stored_bytes(), of_file.stored_bytes());
                assert!(held < in_file && in_file - held < 1024, "{what}: {held} and {in_file} bytes");
            }
        }
    }
}

#[test]
fn tables_of_every_shape_come_back() {
    let mut random = Random(52);
    let shapes =
        [(1, 1), (1, 31), (1, 70_000), (2, 5000), (31, 1), (70_000, 1), (3, 33), (257, 63), (5, 66_000)];
    for (rows, dim) in shapes {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let mut words = random.bf16_weights(rows * dim, 300);
            if dtype == Dtype::F16 {
                words = words.iter().map(|word| word >> 3 | word & 0x8000).collect();
            }
            let plain = plain_twin(dtype, rows, dim, &words);
            for &codec in Codec::ALL {
                let what = format!("{codec} {dtype} {rows} x {dim}");
                match Table::encode(dtype, rows, dim, &words, &with(codec, 0, None)) {
                    Ok(table) => assert_twins(&plain, &table, &what),
                    // Wider than codec `dense` takes.
                    Err(Error::NotATable { reason, .. }) => {
                        assert!(
                            codec == Codec::Dense && dim > 60_000 && reason.contains("does not take"),
                            "{what}"
                        );
                    }
                    Err(other) => panic!("{what}: {other}"),
                }
            }
        }
    }
}

#[test]
fn tables_of_any_words_come_back_on_every_backend() {
    let kinds = [every_word(), vec![0; 1 << 16], vec![0x8000; 1 << 16], vec![0x7fff; 1 << 16]];
    for words in kinds {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let plain = plain_twin(dtype, 512, 128, &words);
            for &codec in Codec::ALL {
                for backend in support::backends() {
                    let table = Table::encode(dtype, 512, 128, &words, &with(codec, 2, Some(backend)))
                        .expect("encodes");
                    assert_eq!(table.backend(), backend);
                    assert_twins(
                        &plain,
                        &table,
                        &format!("{codec} {dtype} {backend:?}, first {:#x}", words[1]),
                    );
                }
            }
        }
    }
}

#[test]
fn tables_without_words_stay_plain() {
    for (rows, dim) in [(0, 0), (0, 64), (64, 0), (0, usize::MAX), (usize::MAX, 0)] {
        for &codec in Codec::ALL {
            for dtype in [Dtype::Bf16, Dtype::F16] {
                let what = format!("{codec} {rows} x {dim}");
                let table = Table::encode(dtype, rows, dim, &[], &with(codec, 2, None));
                let table = table.unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!((table.rows(), table.dim(), table.codec()), (rows, dim, None), "{what}");
                table.read(0, &mut []).expect("no words");
                table.gather(&[], &mut []).expect("no rows");
                let other = table.transcode(&with(codec, 1, None)).expect("as it is");
                assert_eq!((other.rows(), other.dim(), other.codec()), (rows, dim, None), "{what}");
                if rows == 64 {
                    table.row(63, &mut []).expect("a row of nothing");
                    table.product(&[], 3, &mut []).expect("no vectors: a row takes no words of one");
                } else if rows == 0 {
                    assert!(matches!(table.row(0, &mut []), Err(Error::RowOutOfRange { .. })), "{what}");
                }
            }
        }
    }
}

#[test]
fn every_codec_from_every_codec_and_from_plain_words() {
    for (dtype, rows, dim, words) in usual() {
        let plain = plain_twin(dtype, rows, dim, &words);
        for &from in Codec::ALL {
            let first = plain.transcode(&with(from, 1, None)).expect("encodes");
            assert_eq!(first.codec(), Some(from));
            for &to in Codec::ALL {
                let second = first.transcode(&with(to, 2, None)).expect("encodes");
                assert_eq!(second.codec(), Some(to));
                assert_twins(&plain, &second, &format!("{dtype} {rows} x {dim}, {from} to {to}"));
                let direct = Table::encode(dtype, rows, dim, &words, &with(to, 1, None)).expect("encodes");
                assert_eq!(direct.stored_bytes(), second.stored_bytes(), "{from} to {to}");
            }
        }
    }
}

#[test]
fn a_table_under_its_codec_comes_back_as_it_is() {
    let words = Random(53).bf16_weights(100 * 64, 0);
    for &codec in Codec::ALL {
        let table = Table::encode(Dtype::Bf16, 100, 64, &words, &with(codec, 1, None)).expect("encodes");
        let same = table.transcode(&with(codec, 1, None)).expect("as it is");
        assert_eq!(same.stored_bytes(), table.stored_bytes());
        assert!(all_words(&same) == words);
    }
}

fn tensors() -> Vec<Tensor<'static>> {
    let mut random = Random(54);
    let words = random.bf16_weights(300 * 64, 300);
    vec![
        ("model.embed_tokens.weight", "BF16", vec![300, 64], le(&words)),
        ("half.weight", "F16", vec![300, 64], le(&as_f16(&words))),
        ("wide.weight", "F32", vec![300, 64], support::bf16_as_f32(&words)),
        ("norm.weight", "F32", vec![2], vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ("lm_head.weight", "BF16", vec![300, 64], le(&words)),
    ]
}

#[test]
fn bytes_in_memory_become_what_files_become() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for source in [safetensors_file(&tensors()), gguf_file(&tensors(), None)] {
        let plain = write(folder.path(), "plain", &source);
        for &codec in Codec::ALL {
            for selection in [Selection::All, Selection::Embeddings] {
                let packed = folder.path().join("packed");
                let options = options(codec, selection, 2);
                let of_file = xnc::compress(&plain, &packed, &options).expect("compresses");
                let (bytes, report) = xnc::compress_bytes(source.clone(), &options).expect("compresses");
                let bytes = bytes.expect("it shrinks");
                assert!(bytes == std::fs::read(&packed).expect("written"), "{codec}");
                assert_eq!(report.output_bytes, of_file.output_bytes);
                assert_eq!(format!("{:?}", report.tensors), format!("{:?}", of_file.tensors));

                let back = xnc::restore_bytes(bytes.clone(), &RestoreOptions::default()).expect("restores");
                assert!(back == source, "{codec}");
                restore(&packed, &folder.path().join("back")).expect("restores");
                let again = xnc::compress_bytes(bytes, &options).expect_err("compressed already");
                assert!(matches!(again, Error::AlreadyCompressed { .. }));
            }
        }
        let plain =
            xnc::restore_bytes(source.clone(), &RestoreOptions::default()).expect_err("not compressed");
        assert!(matches!(plain, Error::NotCompressed { .. }), "{plain}");
    }
}

#[test]
fn bytes_that_do_not_shrink_give_nothing_and_a_reason() {
    for (dtype, shape, bytes) in
        [("BF16", vec![256, 256], le(&every_word())), ("I32", vec![8, 8], vec![0; 256])]
    {
        let source = safetensors_file(&[("wte.weight", dtype, shape, bytes)]);
        let (bytes, report) =
            xnc::compress_bytes(source, &options(Codec::Xnc, Selection::All, 1)).expect("no error");
        assert!(bytes.is_none() && report.output_bytes.is_none() && report.nothing.is_some(), "{report:?}");
    }
}

fn type_name(dtype: Dtype) -> &'static str {
    if dtype == Dtype::F16 { "F16" } else { "BF16" }
}
