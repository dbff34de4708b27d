//! Tables with one damaged chunk or page: whoever touches it is told, on however many threads, and all others get
//! what is right.

mod support;

use std::sync::Barrier;

use support::{Random, assert_same, compress_all, le, plain_twin, safetensors_file, write};
use xnc::{Codec, Dtype, Error, Model, OpenOptions, Table, Verify};

const NAME: &str = "wte.weight";
const ROWS: usize = 4000;
const DIM: usize = 64;

/// The words, and a file of them whose payload is damaged in its middle.
fn damaged(codec: Codec) -> (Vec<u16>, Model) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(31).bf16_weights(ROWS * DIM, 2000);
    let file = safetensors_file(&[(NAME, "BF16", vec![ROWS as u64, DIM as u64], le(&words))]);
    let packed = folder.path().join("packed");
    compress_all(codec, &write(folder.path(), "plain", &file), &packed);
    let mut bytes = std::fs::read(packed).expect("written");
    let payload =
        Model::from_bytes(bytes.clone()).expect("opens").tensor(NAME).expect("there").ranges[0].clone();
    bytes[(payload.start + payload.end) as usize / 2] ^= 0x10;
    (words, Model::from_bytes(bytes).expect("payloads are not looked at"))
}

fn checked(model: &Model, verify: Verify) -> xnc::Result<Table> {
    let mut options = OpenOptions::default();
    options.verify = verify;
    model.table_with(NAME, &options)
}

/// Which rows come back, each of them right; the others are errors that name the table. Rows are read from
/// `first` on, round about.
fn good_rows(table: &Table, words: &[u16], first: usize) -> Vec<bool> {
    let mut good = vec![false; ROWS];
    let mut row = vec![0; DIM];
    for id in (first..ROWS).chain(0..first) {
        match table.row(id, &mut row) {
            Ok(()) => {
                assert!(row == words[id * DIM..][..DIM], "row {id} is wrong");
                good[id] = true;
            }
            Err(Error::Corrupt { what, .. }) => {
                let part = ["chunk", "page"].iter().any(|part| what.contains(part));
                assert!(what.contains(NAME) && part, "{what}")
            }
            Err(other) => panic!("{other}"),
        }
    }
    good
}

#[test]
fn threads_that_touch_chunks_first_at_once_all_learn_the_same() {
    for &codec in Codec::ALL {
        let (words, model) = damaged(codec);
        let expected = good_rows(&model.table(NAME).expect("opens"), &words, 0);
        let lost = expected.iter().filter(|&&good| !good).count();
        assert!(lost > 0 && lost < ROWS, "{codec}: {lost} rows are lost");
        for _ in 0..5 {
            let table = model.table(NAME).expect("opens");
            let barrier = Barrier::new(8);
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let (table, words, barrier, expected) = (table.clone(), &words, &barrier, &expected);
                    scope.spawn(move || {
                        barrier.wait();
                        // Half of them begin at the same row, the others elsewhere.
                        let found = good_rows(&table, words, (thread % 4 / 2) * ROWS / 4);
                        assert!(found == *expected, "{codec}: thread {thread} learns other things");
                        assert!(
                            good_rows(&table, words, ROWS / 2) == *expected,
                            "{codec}: and a second time"
                        );
                    });
                }
            });
        }
    }
}

#[test]
fn products_say_so_and_those_of_good_rows_are_right() {
    for &codec in Codec::ALL {
        let (words, model) = damaged(codec);
        let plain = plain_twin(Dtype::Bf16, ROWS, DIM, &words);
        let mut random = Random(32);
        let x: Vec<f32> = (0..2 * DIM).map(|_| random.normal()).collect();
        let x_bf16: Vec<u16> = x.iter().map(|&x| half::bf16::from_f32(x).to_bits()).collect();
        let mut expected = vec![0.0; ROWS];
        plain.product(&x[..DIM], 1, &mut expected).expect("plain");
        let good = good_rows(&model.table(NAME).expect("opens"), &words, 0);
        for threads in [0, 1, 2, 5] {
            let table = model.table(NAME).expect("opens");
            for _ in 0..2 {
                let told = [
                    table.product(&x, threads, &mut vec![0.0; 2 * ROWS]),
                    table.product_bf16(&x_bf16, threads, &mut vec![0.0; 2 * ROWS]),
                ];
                for told in told {
                    let error = told.expect_err("damaged");
                    assert!(
                        matches!(&error, Error::Corrupt { what, .. } if what.contains(NAME)),
                        "{codec}: {error}"
                    );
                }
            }
        }
        // Wherever the product of one row is given, it is right; and it is given where the row is.
        let table = model.table(NAME).expect("opens");
        let ready = table.activations(&x[..DIM]).expect("a vector");
        for row in 0..ROWS {
            let mut out = [0.0];
            match ready.product(row..row + 1, &mut out) {
                Ok(()) => assert_same(&out, &expected[row..=row], "a row"),
                Err(_) => assert!(!good[row], "{codec}: row {row} is good and has no product"),
            }
        }
    }
}

#[test]
fn reads_and_gathers_stop_at_damage_and_nowhere_else() {
    for &codec in Codec::ALL {
        let (words, model) = damaged(codec);
        let table = model.table(NAME).expect("opens");
        let good = good_rows(&table, &words, 0);
        let first_bad = good.iter().position(|&good| !good).expect("one is lost");
        let all: Vec<usize> = (0..ROWS).collect();
        let told = [
            table.read(0, &mut vec![0; ROWS * DIM]),
            table.gather(&all, &mut vec![0; ROWS * DIM]),
            table.gather_f32(&all, &mut vec![0.0; ROWS * DIM]),
            table.gather(&[0, first_bad], &mut vec![0; 2 * DIM]),
        ];
        assert!(told.iter().all(|told| matches!(told, Err(Error::Corrupt { .. }))), "{codec}: {told:?}");
        let kept: Vec<usize> = all.into_iter().filter(|&id| good[id]).collect();
        let mut out = vec![0; kept.len() * DIM];
        table.gather(&kept, &mut out).expect("good rows");
        let expected: Vec<u16> = kept.iter().flat_map(|&id| &words[id * DIM..][..DIM]).copied().collect();
        assert!(out == expected, "{codec}");
    }
}

#[test]
fn when_checksums_are_compared_is_the_caller_s_choice() {
    for &codec in Codec::ALL {
        let (_, model) = damaged(codec);
        let error = checked(&model, Verify::OnOpen).expect_err("damaged").to_string();
        assert!(error.contains(NAME) && error.contains("checksum of"), "{codec}: {error}");
        // Unchecked, a damaged table gives an error or some numbers, never a panic.
        let table = checked(&model, Verify::Never).expect("opens");
        let x = vec![1.0; DIM];
        let told = [
            table.product(&x, 1, &mut vec![0.0; ROWS]),
            table.product(&x, 3, &mut vec![0.0; ROWS]),
            table.product_bf16(&[0x3f80; DIM], 3, &mut vec![0.0; ROWS]),
            table.read(0, &mut vec![0; ROWS * DIM]),
            (0..ROWS).try_for_each(|id| table.row(id, &mut [0; DIM])),
        ];
        for told in told {
            let fits = match &told {
                Ok(()) => true,
                Err(Error::Corrupt { what, .. }) => !what.contains("checksum"),
                Err(_) => false,
            };
            assert!(fits, "{codec}: {told:?}");
        }
    }
}

/// One changes the file below an open table to see who looks again: clones know what each other found good,
/// tables opened anew do not.
#[cfg(target_os = "linux")]
#[test]
fn clones_share_what_was_found_good() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().expect("temporary folder");
    let words = Random(33).bf16_weights(ROWS * DIM, 0);
    let file = safetensors_file(&[(NAME, "BF16", vec![ROWS as u64, DIM as u64], le(&words))]);
    let packed = folder.path().join("packed");
    compress_all(Codec::Fast, &write(folder.path(), "plain", &file), &packed);
    let model = Model::open(&packed).expect("opens");
    let payload = model.tensor(NAME).expect("there").ranges[0].clone();
    let (table, mut row) = (model.table(NAME).expect("opens"), vec![0; DIM]);
    let clone = table.clone();
    table.row(0, &mut row).expect("good");
    // In the first page, and in the last one, which nobody touched.
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&packed).expect("opens");
    for at in [payload.start + 3_000, payload.end - 140] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("reads");
        file.write_all_at(&[byte[0] ^ 1], at).expect("writes");
    }
    clone.row(0, &mut row).expect("its page was found good");
    assert!(row == words[..DIM], "another row of the page was changed");
    assert!(matches!(clone.row(ROWS - 1, &mut row), Err(Error::Corrupt { .. })));
    assert!(matches!(table.row(ROWS - 1, &mut row), Err(Error::Corrupt { .. })));
    let anew = model.table(NAME).expect("opens");
    assert!(matches!(anew.row(0, &mut row), Err(Error::Corrupt { .. })));
}
