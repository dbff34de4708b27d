//! Damaged files: every flipped bit and every length gives a clear error or the exact original, never a
//! panic, never wrong words.

mod support;

use std::path::Path;

use support::{Random, compress_all, gguf_file, le, safetensors_file, write};
use xnc::{Codec, Model, OpenOptions, RestoreOptions, Verify};

/// A small compressed file of each format, with exceptions, a duplicate and a plain tensor.
fn packed(folder: &Path, codec: Codec, gguf: bool) -> (Vec<u8>, Vec<u8>) {
    let words = le(&Random(1).bf16_weights(24 * 70, 400));
    let tensors = [
        ("model.embed_tokens.weight", "BF16", vec![24, 70], words.clone()),
        ("lm_head.weight", "BF16", vec![24, 70], words),
        ("norm.weight", "F32", vec![1], vec![0, 0, 128, 63]),
    ];
    let source = if gguf { gguf_file(&tensors, None) } else { safetensors_file(&tensors) };
    let target = folder.join("packed");
    compress_all(codec, &write(folder, "plain", &source), &target);
    (source, std::fs::read(target).expect("written"))
}

/// Restores `bytes`; asserts that success means the original.
fn restores_exactly_or_fails(bytes: &[u8], source: &[u8], what: &str) -> bool {
    let restored = xnc::restore_bytes(bytes.to_vec(), &RestoreOptions::default());
    match &restored {
        Ok(back) => assert!(back == source, "{what}: restores other bytes"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    restored.is_ok()
}

/// Looks every row up; asserts that each is right or an error.
fn rows_are_right_or_errors(bytes: &[u8], expected: &[Vec<u16>], what: &str) {
    let Ok(file) = Model::from_bytes(bytes.to_vec()) else { return };
    for name in ["model.embed_tokens.weight", "lm_head.weight"] {
        let Ok(table) = file.table(name) else { continue };
        assert_eq!((table.rows(), table.dim()), (24, 70), "{what}: another shape");
        let mut row = vec![0; 70];
        for (id, expected) in expected.iter().enumerate() {
            if table.row(id, &mut row).is_ok() {
                assert_eq!(&row, expected, "{what}: row {id} of {name} is wrong");
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_found_or_harmless() {
    for &codec in Codec::ALL {
        for gguf in [false, true] {
            let folder = tempfile::tempdir().expect("temporary folder");
            let (source, good) = packed(folder.path(), codec, gguf);
            let expected: Vec<Vec<u16>> = {
                let file = Model::open(folder.path().join("packed")).expect("opens");
                let mut options = OpenOptions::default();
                options.verify = Verify::OnOpen;
                let table = file.table_with("lm_head.weight", &options).expect("opens");
                (0..24)
                    .map(|id| {
                        let mut row = vec![0; 70];
                        table.row(id, &mut row).expect("row");
                        row
                    })
                    .collect()
            };
            let mut harmless = 0;
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let what = format!("{}, gguf {gguf}, byte {} bit {}", codec.name(), bit / 8, bit % 8);
                harmless += usize::from(restores_exactly_or_fails(&bad, &source, &what));
                rows_are_right_or_errors(&bad, &expected, &what);
            }
            // Only the header's summary, names and paddings that nothing reads may change unnoticed.
            assert!(harmless < good.len(), "{harmless} of {} flips went unnoticed", good.len() * 8);
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    for &codec in Codec::ALL {
        for gguf in [false, true] {
            let folder = tempfile::tempdir().expect("temporary folder");
            let (source, good) = packed(folder.path(), codec, gguf);
            for length in 0..good.len() {
                let what = format!("{}, gguf {gguf}, length {length}", codec.name());
                let restored = restores_exactly_or_fails(&good[..length], &source, &what);
                // GGUF pads the last tensor; losing that padding loses nothing.
                assert!(!restored || gguf && good.len() - length < 64, "{what}: restored");
            }
        }
    }
}

#[test]
fn random_damage_never_panics() {
    let mut random = Random(2);
    for (gguf, &codec) in [false, true].into_iter().flat_map(|gguf| Codec::ALL.iter().map(move |c| (gguf, c)))
    {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (source, good) = packed(folder.path(), codec, gguf);
        for round in 0..2000 {
            let mut bad = good.clone();
            for _ in 0..1 + random.next() % 8 {
                let at = random.next() as usize % bad.len();
                let end = bad.len().min(at + 1 + random.next() as usize % 16);
                match random.next() % 3 {
                    0 => bad[at..end].fill_with(|| random.next() as u8),
                    1 => bad[at..end].fill(0xff),
                    _ => {
                        bad.drain(at..end);
                    }
                }
            }
            restores_exactly_or_fails(&bad, &source, &format!("round {round}"));
        }
    }
}
