//! What callers may ask of open models and tables: any range, wrong lengths, models that are gone or lie
//! inside other files.

mod support;

use std::fs::File;
use std::sync::Arc;

use support::{
    Random, all_words, as_f16, assert_same, assert_twins, compress_all, le, plain_twin, safetensors_file,
    write,
};
use xnc::{Backend, Codec, Dtype, EncodeOptions, Error, Model, OpenOptions, Table};

const NAME: &str = "wte.weight";

fn encode(
    codec: Codec,
    backend: Option<Backend>,
    dtype: Dtype,
    [rows, dim]: [usize; 2],
    words: &[u16],
) -> Table {
    let mut options = EncodeOptions::default();
    (options.codec, options.backend) = (codec, backend);
    Table::encode(dtype, rows, dim, words, &options).expect("encodes")
}

/// A table plain and under every codec.
fn every_form(dtype: Dtype, shape: [usize; 2], words: &[u16]) -> Vec<Table> {
    let coded = Codec::ALL.iter().map(|&codec| encode(codec, None, dtype, shape, words));
    [plain_twin(dtype, shape[0], shape[1], words)].into_iter().chain(coded).collect()
}

/// The bytes of a compressed file with one table.
fn packed(codec: Codec, rows: usize, dim: usize, words: &[u16]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = safetensors_file(&[(NAME, "BF16", vec![rows as u64, dim as u64], le(words))]);
    let packed = folder.path().join("packed");
    compress_all(codec, &write(folder.path(), "plain", &file), &packed);
    std::fs::read(packed).expect("written")
}

/// More than 2^23 words go around the caches; such a read may begin and end anywhere.
#[test]
fn long_reads_are_right_wherever_they_begin() {
    let (rows, dim) = (39_000, 219);
    let mut random = Random(41);
    // A few thousand weights in another order each time: as many different rows as there are, made quickly.
    let some = random.bf16_weights(8192, 1000);
    let words: Vec<u16> = (0..rows * dim).map(|i| some[(i * 7 + i / 8191 * 13) % 8192]).collect();
    let (far, all) = (1 << 23, words.len());
    assert!(all > far + 10_000);
    let check = |table: &Table, words: &[u16], what: &str| {
        for (first, length) in
            [(0, all), (0, far), (1, far), (12_345, all - 12_345), (all - far - 7, far + 1)]
        {
            // Filled with what no read leaves by chance, and not on a cache line.
            let mut out = vec![0x5a5a; length + 1];
            table.read(first, &mut out[1..]).expect("reads");
            assert!(out[1..] == words[first..][..length], "{what}: {length} words from {first} on");
        }
    };
    check(&plain_twin(Dtype::Bf16, rows, dim, &words), &words, "plain");
    let disguised = as_f16(&words);
    for backend in support::backends() {
        for codec in [Codec::Fast, Codec::Xnc] {
            let table = encode(codec, Some(backend), Dtype::Bf16, [rows, dim], &words);
            check(&table, &words, &format!("{codec} {backend:?}"));
        }
        let table = encode(Codec::Fast, Some(backend), Dtype::F16, [rows, dim], &disguised);
        check(&table, &disguised, &format!("fast, as FP16, {backend:?}"));
    }
}

#[test]
fn reads_at_and_past_the_end() {
    let words = Random(42).bf16_weights(300 * 40, 0);
    let mut tables = every_form(Dtype::Bf16, [300, 40], &words);
    tables.extend([plain_twin(Dtype::Bf16, 0, 40, &[]), plain_twin(Dtype::Bf16, 40, 0, &[])]);
    for table in tables {
        let all = table.rows() * table.dim();
        table.read(all, &mut []).expect("nothing after the end is nothing");
        if all > 0 {
            let mut last = [0];
            table.read(all - 1, &mut last).expect("the last word");
            assert_eq!(last[0], words[all - 1]);
        }
        let past = [
            (all, 1),
            (all + 1, 0),
            (all.saturating_sub(1), 2),
            (usize::MAX, 1),
            (usize::MAX, 0),
            (0, all + 1),
        ];
        for (first, length) in past {
            let error = table.read(first, &mut vec![0; length]).expect_err("past the end");
            let rows = table.rows() as u64;
            assert!(
                matches!(error, Error::RowOutOfRange { row, rows: told } if told == rows && row >= rows),
                "{table:?} {first} {length}: {error}"
            );
        }
        for id in [table.rows(), table.rows() + 1, usize::MAX] {
            let mut row = vec![0; table.dim()];
            let told = [table.row(id, &mut row), table.gather(&[id], &mut row)];
            assert!(told.iter().all(|told| matches!(told, Err(Error::RowOutOfRange { .. }))), "{told:?}");
            let told = table.gather_f32(&[id], &mut vec![0.0; table.dim()]);
            assert!(matches!(told, Err(Error::RowOutOfRange { .. })), "{told:?}");
        }
    }
}

#[test]
fn wrong_lengths_are_errors_that_tell_both() {
    let words = Random(43).bf16_weights(3000 * 40, 0);
    for table in every_form(Dtype::Bf16, [3000, 40], &words) {
        let ready = table.activations(&[0.0; 80]).expect("two vectors");
        let mut results = vec![
            (table.row(0, &mut [0; 39]), 39, 40),
            (table.row(0, &mut [0; 41]), 41, 40),
            (table.row(0, &mut []), 0, 40),
            (table.gather(&[1, 2], &mut [0; 40]), 40, 80),
            (table.gather(&[], &mut [0; 1]), 1, 0),
            (table.gather_f32(&[1, 2], &mut [0.0; 81]), 81, 80),
            (table.gather_f32(&[0; 100], &mut [0.0; 80]), 80, 4000),
            (table.activations(&[0.0; 41]).map(drop), 41, 40),
            (table.activations_bf16(&[0; 39]).map(drop), 39, 0),
            (ready.product(0..10, &mut [0.0; 19]), 19, 20),
            (ready.product(0..10, &mut [0.0; 10]), 10, 20),
            (ready.product(3..3, &mut [0.0; 1]), 1, 0),
        ];
        for threads in [0, 1, 2, 5] {
            let [short, long] = [&mut vec![0.0; 2999], &mut vec![0.0; 6000]];
            results.push((table.product(&[0.0; 40], threads, short), 2999, 3000));
            results.push((table.product(&[0.0; 40], threads, long), 6000, 3000));
            results.push((table.product_bf16(&[0; 80], threads, short), 2999, 6000));
            results.push((ready.product_all(threads, &mut []), 0, 6000));
        }
        for (number, (result, found, expected)) in results.into_iter().enumerate() {
            let right = (found, expected);
            let told = match result {
                Err(Error::WrongLength { found, expected, .. }) => (found, expected),
                other => panic!("{table:?}, case {number}: {other:?}"),
            };
            assert_eq!(told, right, "{table:?}, case {number}");
        }
        // No vectors are no error, and give no results.
        table.product(&[], 2, &mut []).expect("nothing to do");
        table.gather(&[], &mut []).expect("nothing to do");
    }
    let options = OpenOptions::default();
    for (rows, dim, bytes) in
        [(2, 2, 7), (2, 2, 9), (0, 0, 1), (usize::MAX, 2, 0), (usize::MAX, usize::MAX, 2)]
    {
        let table = Table::from_bytes(Dtype::F16, rows, dim, vec![0; bytes], &options);
        assert!(matches!(table, Err(Error::WrongLength { found, .. }) if found == bytes));
    }
    for (rows, dim, words) in [(2, 2, 3), (2, 2, 5), (usize::MAX, 2, 2), (usize::MAX, usize::MAX, 1)] {
        for &codec in Codec::ALL {
            let mut options = EncodeOptions::default();
            options.codec = codec;
            let table = Table::encode(Dtype::F16, rows, dim, &vec![0; words], &options);
            assert!(matches!(table, Err(Error::WrongLength { found, .. }) if found == words));
        }
    }
}

#[test]
fn tables_and_activations_outlive_their_model() {
    for &codec in Codec::ALL {
        let folder = tempfile::tempdir().expect("temporary folder");
        let words = Random(44).bf16_weights(500 * 64, 0);
        let path = write(folder.path(), "packed", &packed(codec, 500, 64, &words));
        let model = Model::open(&path).expect("opens");
        let table = model.table(NAME).expect("opens");
        let ready = table.clone().activations(&[0.25; 64]).expect("a vector");
        drop(model);
        drop(folder);
        assert!(!path.exists());
        let plain = plain_twin(Dtype::Bf16, 500, 64, &words);
        assert_twins(&plain, &table, codec.name());
        drop(table);
        let (mut a, mut b) = (vec![0.0; 500], vec![0.0; 500]);
        plain.product(&[0.25; 64], 1, &mut a).expect("plain");
        std::thread::spawn(move || ready.product_all(2, &mut b).map(|()| b))
            .join()
            .expect("ends")
            .map(|b| assert_same(&a, &b, codec.name()))
            .expect("multiplies");
    }
}

#[test]
fn a_model_inside_another_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(45).bf16_weights(700 * 64, 300);
    let plain = safetensors_file(&[(NAME, "BF16", vec![700, 64], le(&words))]);
    for (what, model) in [("plain", plain), ("packed", packed(Codec::Fast, 700, 64, &words))] {
        for offset in [0, 1, 63, 64, 4095, 4096, 4097, 100_000] {
            for after in [0, 1, 5000] {
                let bytes = [&vec![b'{'; offset][..], &model, &vec![0xee; after]].concat();
                let file = File::open(write(folder.path(), "outer", &bytes)).expect("opens");
                let (offset, length) = (offset as u64, model.len() as u64);
                let part = |length| Model::open_part(&file, offset, length);
                let inner = part(Some(length)).unwrap_or_else(|e| panic!("{what} at {offset}: {e}"));
                assert!(all_words(&inner.table(NAME).expect("opens")) == words, "{what} at {offset}");
                assert_eq!(part(None).is_ok(), after == 0, "{what} at {offset}: the rest of the file");
                // Cut, and reaching over what follows.
                for wrong in [0, 1, 8, length / 2, length - 1] {
                    let error = part(Some(wrong)).map(drop).expect_err("cut");
                    assert!(says_what_it_is(&error), "{what}: {wrong} bytes: {error}");
                }
                if after > 0 {
                    assert!(part(Some(length + 1)).is_err(), "{what}: a byte too many");
                }
                for past in [length + after as u64 + 1, u64::MAX - offset, u64::MAX] {
                    let error = part(Some(past)).map(drop).expect_err("past the end");
                    assert!(matches!(error, Error::Io { .. }), "{what}: {error}");
                }
                let end = bytes.len() as u64;
                for start in [end + 1, u64::MAX] {
                    for length in [None, Some(0), Some(1), Some(u64::MAX)] {
                        let error =
                            Model::open_part(&file, start, length).map(drop).expect_err("past the end");
                        assert!(matches!(error, Error::Io { .. }), "{what}: {error}");
                    }
                }
                assert!(Model::open_part(&file, end, None).is_err(), "nothing is no model");
            }
        }
    }
}

/// A file that is none, or is cut: no error of the system, and none that asks for an upgrade.
fn says_what_it_is(error: &Error) -> bool {
    matches!(error, Error::NotAModel { .. } | Error::Corrupt { .. })
}

/// Bytes that begin at an odd address.
struct Odd(Vec<u8>);

impl AsRef<[u8]> for Odd {
    fn as_ref(&self) -> &[u8] {
        &self.0[1..]
    }
}

#[test]
fn bytes_of_any_owner() {
    let words = Random(46).bf16_weights(400 * 72, 300);
    let plain = plain_twin(Dtype::Bf16, 400, 72, &words);
    let source = safetensors_file(&[(NAME, "BF16", vec![400, 72], le(&words))]);
    let all = Codec::ALL.iter().map(|&codec| packed(codec, 400, 72, &words)).chain([source]);
    for bytes in all {
        let leaked: &'static [u8] = Box::leak(bytes.clone().into_boxed_slice());
        let models = [
            Model::from_bytes(bytes.clone()),
            Model::from_bytes(Arc::<[u8]>::from(&bytes[..])),
            Model::from_bytes(leaked),
            Model::from_bytes(Odd([&[0][..], &bytes].concat())),
        ];
        for model in models {
            let model = model.expect("opens");
            let table = model.table(NAME).expect("opens");
            assert_twins(&plain, &table, &format!("{table:?}"));
        }
    }
    let owner = Odd([&[0][..], &le(&words)].concat());
    let table = Table::from_bytes(Dtype::Bf16, 400, 72, owner, &OpenOptions::default()).expect("opens");
    assert_twins(&plain, &table, "plain words at an odd address");
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    for bytes in [&b""[..], b"short", b"GGUF", b"<!DOCTYPE html><html></html>", &[0; 4096]] {
        let error = Model::from_bytes(bytes.to_vec()).map(drop).expect_err("no model");
        assert!(says_what_it_is(&error), "{bytes:?}: {error}");
    }
}
