//! Lookups and products of a compressed table are those of the same table plain, to the last bit.

mod support;

use support::{Random, as_f16, assert_same, every_word, plain_twin};
use xnc::{Codec, Dtype, EncodeOptions, Table};

/// The same table plain and under a codec.
fn pair(codec: Codec, dtype: Dtype, rows: usize, dim: usize, words: &[u16]) -> [Table; 2] {
    let mut options = EncodeOptions::default();
    options.codec = codec;
    let packed = Table::encode(dtype, rows, dim, words, &options).expect("encodes");
    assert_eq!(packed.codec(), Some(codec));
    [plain_twin(dtype, rows, dim, words), packed]
}

/// Tables of weights, with rare words of any kind, as BF16, as FP16 in disguise, and as native FP16.
fn tables() -> Vec<(Dtype, usize, usize, Vec<u16>)> {
    let mut random = Random(5);
    let mut all = Vec::new();
    for dim in [64, 100, 320] {
        let rows = 150;
        let n = rows * dim;
        for rare in [0, 300] {
            all.push((Dtype::Bf16, rows, dim, random.bf16_weights(n, rare)));
        }
        let f16 = |x: f32| half::f16::from_f32(x).to_bits();
        let words = random.bf16_weights(n, 0);
        all.push((Dtype::F16, rows, dim, as_f16(&words)));
        let mut native: Vec<u16> = (0..n).map(|_| f16(0.02 * random.normal())).collect();
        native.iter_mut().step_by(211).for_each(|word| *word = random.next() as u16);
        all.push((Dtype::F16, rows, dim, native));
    }
    let mut most: Vec<u16> = every_word();
    most.extend(random.bf16_weights(3 << 16, 0));
    all.push((Dtype::Bf16, 1024, 256, most));
    all
}

/// Activations: usual ones, and in some vectors every kind of number.
fn activations(random: &mut Random, dim: usize, kind: usize) -> Vec<f32> {
    let special = [0.0, -0.0, f32::INFINITY, f32::NAN, 1e-40, -1e-38, 3e38, f32::MIN_POSITIVE];
    (0..dim)
        .map(|_| match (kind, random.next() % 9) {
            (1, 0) => special[random.next() as usize % special.len()],
            (2, _) => random.normal() * 1e-37,
            _ => random.normal(),
        })
        .collect()
}

#[test]
fn products_equal_the_plain_twin() {
    let mut random = Random(6);
    for &codec in Codec::ALL {
        for (number, (dtype, rows, dim, words)) in tables().into_iter().enumerate() {
            let [plain, packed] = pair(codec, dtype, rows, dim, &words);
            for kind in 0..3 {
                let what = format!("{} table {number} kind {kind}", codec.name());
                let x: Vec<f32> = (0..8).flat_map(|_| activations(&mut random, dim, kind)).collect();
                let mut expected = vec![0.0; 8 * rows];
                plain.product(&x, 1, &mut expected).expect("plain");
                for b in [1, 3, 8] {
                    for threads in [1, 2, 7] {
                        let mut out = vec![0.0; b * rows];
                        packed.product(&x[..b * dim], threads, &mut out).expect("packed");
                        assert_same(&out, &expected[..b * rows], &what);
                    }
                }
                let range = 37..rows - 5;
                let mut out = vec![0.0; range.len()];
                let ready = packed.activations(&x[..dim]).expect("whole vectors");
                assert_eq!(ready.count(), 1);
                ready.product(range.clone(), &mut out).expect("packed");
                assert_same(&out, &expected[range], &what);

                let x: Vec<u16> = x.iter().map(|x| half::bf16::from_f32(*x).to_bits()).collect();
                if dtype == Dtype::F16 {
                    plain.product_bf16(&x, 1, &mut expected).expect_err("FP16 words");
                    continue;
                }
                plain.product_bf16(&x, 1, &mut expected).expect("plain");
                for b in [1, 8] {
                    let mut out = vec![0.0; b * rows];
                    packed.product_bf16(&x[..b * dim], b, &mut out).expect("packed");
                    assert_same(&out, &expected[..b * rows], &what);
                }
            }
        }
    }
}

#[test]
fn gathered_rows_are_the_source_s() {
    let mut random = Random(7);
    for &codec in Codec::ALL {
        for (dtype, rows, dim, words) in tables() {
            let [plain, packed] = pair(codec, dtype, rows, dim, &words);
            let ids: Vec<usize> = (0..200).map(|_| random.next() as usize % rows).collect();
            let (mut a, mut b) = (vec![0; ids.len() * dim], vec![0; ids.len() * dim]);
            plain.gather(&ids, &mut a).expect("plain");
            packed.gather(&ids, &mut b).expect("packed");
            assert!(a == b);
            let (mut a, mut b) = (vec![0.0; a.len()], vec![0.0; a.len()]);
            plain.gather_f32(&ids, &mut a).expect("plain");
            packed.gather_f32(&ids, &mut b).expect("packed");
            assert_same(&a, &b, codec.name());
            packed.gather(&[0, rows], &mut vec![0; 2 * dim]).expect_err("past the end");
            let none = packed.activations(&[]).expect("no vectors");
            none.product(0..rows + 1, &mut []).expect_err("past the end");
            none.product(0..rows, &mut []).expect("nothing to do");
        }
    }
}
