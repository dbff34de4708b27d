//! What fuzzing found, one test a finding.

mod support;

use support::{Random, compress_all, gguf_file_with, le, open, options, restore, safetensors_file, write};
use xnc::{Codec, Error, Selection};

#[test]
fn gguf_keys_of_ours_in_a_source_stay_and_do_not_stand_twice() {
    // As a tool leaves them that drops tensors and keeps pairs. Found by target `round_trip`.
    let words = le(&Random(1).bf16_weights(64 * 64, 0));
    let tensors = [("token_embd.weight", "BF16", vec![64, 64], words)];
    let source = gguf_file_with(&[("xnc.version", "0.9")], &tensors, None);
    let folder = tempfile::tempdir().expect("temporary folder");
    let (packed, back) = (folder.path().join("packed"), folder.path().join("back"));
    let report = compress_all(Codec::Xnc, &write(folder.path(), "a.gguf", &source), &packed);
    assert!(report.output_bytes.is_some());
    restore(&packed, &back).expect("restores");
    assert!(std::fs::read(&back).expect("restored") == source);
}

#[test]
fn a_source_with_a_tensor_of_a_companions_name_is_refused_as_such() {
    // It was refused before too, but as a corrupt file. Found by reading.
    let words = le(&Random(1).bf16_weights(64 * 64, 0));
    let tensors = [("a", "BF16", vec![64, 64], words), ("a.xnc_index", "U8", vec![1], vec![1])];
    let folder = tempfile::tempdir().expect("temporary folder");
    let plain = write(folder.path(), "a.safetensors", &safetensors_file(&tensors));
    let error = xnc::compress(&plain, &folder.path().join("b"), &options(Codec::Xnc, Selection::All, 1));
    assert!(matches!(error, Err(Error::AlreadyCompressed { name }) if name == "a.xnc_index"));
}

#[test]
fn columns_of_a_table_without_rows_take_no_memory() {
    // Codec `fast` counted exponents by column, and a header of a few bytes can claim any number of them.
    // Found by reading.
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = le(&Random(1).bf16_weights(64 * 64, 0));
    for (rows, dim) in [(0, 1 << 50), (1 << 50, 0)] {
        let empty = ("a", "BF16", vec![rows, dim], vec![]);
        let source = safetensors_file(&[empty, ("b", "BF16", vec![64, 64], words.clone())]);
        for &codec in Codec::ALL {
            let (packed, back) = (folder.path().join("packed"), folder.path().join("back"));
            let report = compress_all(codec, &write(folder.path(), "source", &source), &packed);
            assert!(report.tensors[0].codec.is_none() && report.tensors[1].codec == Some(codec));
            restore(&packed, &back).expect("restores");
            assert!(std::fs::read(&back).expect("restored") == source);
        }
    }
}

#[test]
fn a_row_of_a_table_without_rows_is_out_of_range_whatever_its_length() {
    // The row's length is bounded by nothing there, so a caller may ask without a buffer.
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = safetensors_file(&[("a", "BF16", vec![0, 1 << 60], vec![])]);
    let table = open(&write(folder.path(), "a", &file), "a");
    assert!(matches!(table.row(0, &mut []), Err(Error::RowOutOfRange { row: 0, rows: 0 })));
}
