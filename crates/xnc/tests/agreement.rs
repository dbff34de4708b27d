//! Lookups and products of a compressed table are those of the same table plain, to the last bit.

mod support;

use std::path::Path;

use support::{Random, compress_all, every_word, le, safetensors_file, write};
use xnc::{Codec, Table, Verify};

const NAME: &str = "wte.weight";

/// The same table plain and compressed; none where it does not shrink.
fn pair(folder: &Path, codec: Codec, dtype: &str, rows: u64, dim: u64, words: &[u16]) -> Option<[Table; 2]> {
    let source = safetensors_file(&[(NAME, dtype, vec![rows, dim], le(words))]);
    let (plain, packed) = (write(folder, "plain", &source), folder.join("packed"));
    compress_all(codec, &plain, &packed).output_bytes?;
    let open = |path: &Path| Table::open(path, NAME, Verify::OnTouch).expect("opens");
    Some([open(&plain), open(&packed)])
}

/// Tables of weights, with rare words of any kind, as BF16, as FP16 in disguise, and as native FP16.
fn tables() -> Vec<(&'static str, u64, u64, Vec<u16>)> {
    let mut random = Random(5);
    let mut all = Vec::new();
    for dim in [64, 100, 320] {
        let rows = 150;
        let n = (rows * dim) as usize;
        for rare in [0, 300] {
            all.push(("BF16", rows, dim, random.bf16_weights(n, rare)));
        }
        let f16 = |x: f32| half::f16::from_f32(x).to_bits();
        let words = random.bf16_weights(n, 0);
        let disguised = words.iter().map(|&w| f16(half::bf16::from_bits(w).to_f32())).collect();
        all.push(("F16", rows, dim, disguised));
        let mut native: Vec<u16> = (0..n).map(|_| f16(0.02 * random.normal())).collect();
        native.iter_mut().step_by(211).for_each(|word| *word = random.next() as u16);
        all.push(("F16", rows, dim, native));
    }
    let mut most: Vec<u16> = every_word();
    most.extend(random.bf16_weights(3 << 16, 0));
    all.push(("BF16", 1024, 256, most));
    all
}

/// Activations: usual ones, and in some vectors every kind of number.
fn activations(random: &mut Random, dim: u64, kind: usize) -> Vec<f32> {
    let special = [0.0, -0.0, f32::INFINITY, f32::NAN, 1e-40, -1e-38, 3e38, f32::MIN_POSITIVE];
    (0..dim)
        .map(|_| match (kind, random.next() % 9) {
            (1, 0) => special[random.next() as usize % special.len()],
            (2, _) => random.normal() * 1e-37,
            _ => random.normal(),
        })
        .collect()
}

fn assert_same(a: &[f32], b: &[f32], what: &str) {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{what}: value {i} is {a} and {b}");
    }
}

#[test]
fn products_equal_the_plain_twin() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut random = Random(6);
    for &codec in Codec::ALL {
        for (number, (dtype, rows, dim, words)) in tables().into_iter().enumerate() {
            let Some([plain, packed]) = pair(folder.path(), codec, dtype, rows, dim, &words) else {
                continue;
            };
            let rows = rows as usize;
            for kind in 0..3 {
                let what = format!("{} table {number} kind {kind}", codec.name());
                let x: Vec<f32> = (0..8).flat_map(|_| activations(&mut random, dim, kind)).collect();
                let mut expected = vec![0.0; 8 * rows];
                plain.product(&x, &mut expected).expect("plain");
                for b in [1, 3, 8] {
                    for threads in [1, 2, 7] {
                        let mut out = vec![0.0; b * rows];
                        packed.product_threads(&x[..b * dim as usize], threads, &mut out).expect("packed");
                        assert_same(&out, &expected[..b * rows], &what);
                    }
                }
                let range = 37..rows - 5;
                let mut out = vec![0.0; range.len()];
                packed.activations(&x[..dim as usize]).product(range.clone(), &mut out).expect("packed");
                assert_same(&out, &expected[range], &what);

                let x: Vec<u16> = x.iter().map(|x| half::bf16::from_f32(*x).to_bits()).collect();
                if dtype == "F16" {
                    packed.product_bf16(&x, &mut expected).expect_err("FP16 words");
                    continue;
                }
                plain.product_bf16(&x, &mut expected).expect("plain");
                for b in [1, 8] {
                    let mut out = vec![0.0; b * rows];
                    packed.product_bf16_threads(&x[..b * dim as usize], b, &mut out).expect("packed");
                    assert_same(&out, &expected[..b * rows], &what);
                }
            }
        }
    }
}

#[test]
fn gathered_rows_are_the_source_s() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut random = Random(7);
    for &codec in Codec::ALL {
        for (dtype, rows, dim, words) in tables() {
            let Some([plain, packed]) = pair(folder.path(), codec, dtype, rows, dim, &words) else {
                continue;
            };
            let ids: Vec<usize> = (0..200).map(|_| random.next() as usize % rows as usize).collect();
            let (mut a, mut b) = (vec![0; ids.len() * dim as usize], vec![0; ids.len() * dim as usize]);
            plain.gather(&ids, &mut a).expect("plain");
            packed.gather(&ids, &mut b).expect("packed");
            assert!(a == b);
            let (mut a, mut b) = (vec![0.0; a.len()], vec![0.0; a.len()]);
            plain.gather_f32(&ids, &mut a).expect("plain");
            packed.gather_f32(&ids, &mut b).expect("packed");
            assert_same(&a, &b, codec.name());
            packed.gather(&[0, rows as usize], &mut vec![0; 2 * dim as usize]).expect_err("past the end");
            packed.activations(&[]).product(0..rows as usize + 1, &mut []).expect_err("past the end");
        }
    }
}
