//! Tables of every kind through encode, open, decode, on every backend.

use std::sync::Arc;

use super::encode::encode;
use super::index::Index;
use super::row::Encoder;
use super::symbols::Fit;
use super::*;
use crate::codec::{Checks, Encoded, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::{Words, bf16_to_f16};
use crate::kernel::Backend;
use crate::kernel::bytes_of;
use crate::kernel::dot;
use crate::kernel::tight::row::Row;
use crate::random::Random;

fn tables(dtype: Dtype, words: usize) -> Vec<Vec<u16>> {
    let mut random = Random(3);
    let cast = |x: f32| match dtype {
        Dtype::Bf16 => (x.to_bits() >> 16) as u16,
        Dtype::F16 => half::f16::from_f32(x).to_bits(),
    };
    let normal: Vec<u16> = (0..words).map(|_| cast(0.03 * random.normal())).collect();
    let disguised = normal.iter().map(|&w| bf16_to_f16(w)).collect();
    let spiked =
        normal.iter().map(|&w| if random.next().is_multiple_of(40) { random.next() as u16 } else { w });
    let spiked = spiked.collect();
    let zero_rows = normal.iter().enumerate().map(|(i, &w)| if i % 1000 < 500 { 0 } else { w }).collect();
    let all = (0..words).map(|i| (i as u16).wrapping_mul(40_503)).collect();
    vec![normal, disguised, spiked, zero_rows, all, vec![0; words], vec![0x8000; words]]
}

fn encoded(shape: TableShape, words: &[u16]) -> (Vec<u8>, Encoded) {
    let mut payload = Vec::new();
    let words = Words::new(bytes_of(words));
    let encoded = encode(shape, &words, &mut payload, &mut |_| {});
    let mut encoded = encoded.expect("a Vec takes it");
    encoded.index.resize(encoded.index.len().next_multiple_of(64), 0);
    (payload, encoded)
}

fn open(shape: TableShape, encoded: &Encoded, stored: Stored<'_>, backend: Backend) -> Arc<TightReader> {
    Arc::new(TightReader::open(shape, &encoded.params, stored, backend).expect("opens"))
}

#[test]
fn every_table_comes_back_whole_and_in_ranges() {
    for dtype in [Dtype::Bf16, Dtype::F16] {
        for dim in [1, 7, 63, 64, 65, 100, 128, 160, 576, 1000, 20_000] {
            let rows = 70_000 / dim + 1;
            for (kind, words) in tables(dtype, rows * dim).into_iter().enumerate() {
                let shape = TableShape { dtype, rows, dim };
                let (payload, encoded) = encoded(shape, &words);
                assert_eq!(payload.len() as u64, encoded.payload_bytes);
                let stored = Stored { index: &encoded.index, payload: &payload };
                for backend in Backend::every_kind() {
                    let reader = open(shape, &encoded, stored, backend);
                    let checks = Checks::on_touch(&*reader, stored);
                    let view = View { reader: &*reader, stored, checks: &checks };
                    let mut out = vec![0; words.len()];
                    for range in (0..view.chunks()).map(|chunk| view.words_of(chunk)) {
                        view.read(range.start, &mut out[range.clone()]).expect("decodes");
                        let part = range.start + range.len() / 3..range.start + range.len() / 2;
                        let mut some = vec![0; part.len()];
                        view.read(part.start, &mut some).expect("decodes");
                        assert_eq!(some, words[part]);
                    }
                    assert!(out == words, "{dtype} {dim} kind {kind} {backend:?}");
                    let ids: Vec<usize> = (0..150).map(|i| i * 61 % rows).collect();
                    let mut some = vec![0; ids.len() * dim];
                    view.gather(&ids, &mut some).expect("gathers");
                    let expected: Vec<u16> =
                        ids.iter().flat_map(|id| words[id * dim..][..dim].to_vec()).collect();
                    assert!(some == expected, "{dtype} {dim} kind {kind} {backend:?}");
                }
            }
        }
    }
}

#[test]
fn products_equal_those_of_the_words_whatever_these_are() {
    let mut random = Random(11);
    for (rows, dim) in
        [(101, 320), (70, 64), (33, 96), (5, 31), (600, 128), (9, 2048), (2, 18_000), (2, 32_768)]
    {
        for (kind, words) in tables(Dtype::Bf16, rows * dim).into_iter().enumerate() {
            let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
            let (payload, encoded) = encoded(shape, &words);
            let stored = Stored { index: &encoded.index, payload: &payload };
            let x: Vec<f32> = (0..dim).map(|_| random.normal()).collect();
            let x_bf16: Vec<u16> = x.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
            for backend in Backend::every_kind() {
                let reader = open(shape, &encoded, stored, backend);
                let checks = Checks::on_touch(&*reader, stored);
                let view = View { reader: &*reader, stored, checks: &checks };
                let (mut arranged, mut padded) = (vec![0.0; dot::padded(dim)], vec![0; dot::padded(dim)]);
                dot::arrange(backend, Dtype::Bf16, &x, &mut arranged);
                padded[..dim].copy_from_slice(&x_bf16);
                let mut expected = [vec![0.0; rows], vec![0.0; rows]];
                let words = bytes_of(&words);
                dot::rows_f32(backend, Dtype::Bf16, words, dim, &arranged, 0, &mut expected[0]);
                dot::rows_bf16(backend, words, dim, &padded, 0, &mut expected[1]);
                for (x, expected) in [Vectors::F32(&x), Vectors::Bf16(&x_bf16)].into_iter().zip(expected) {
                    let product = reader.clone().product(x);
                    let mut out = vec![0.0; rows];
                    product.times(&view, 0..rows, &mut [&mut out]).expect("good rows");
                    let mut part = vec![0.0; rows / 3];
                    product.times(&view, rows / 2..rows / 2 + rows / 3, &mut [&mut part]).expect("good rows");
                    for (r, (out, expected)) in out.iter().zip(&expected).enumerate() {
                        let same = out.to_bits() == expected.to_bits() || (out.is_nan() && expected.is_nan());
                        assert!(
                            same,
                            "{backend:?} {rows} x {dim}, kind {kind}, row {r}: {out} for {expected}"
                        );
                    }
                    let same =
                        |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
                    assert!(part.iter().zip(&expected[rows / 2..]).all(same));
                }
            }
        }
    }
}

#[test]
fn the_worked_example_of_the_spec() {
    // The exponents' levels and codes are 1, 2 and 3 of the first, 1 of the second, 2 of the third, none; then
    // zero, which has none either.
    let words = [0x3f80_u16, 0xbf00, 0x3e80, 0x3e00, 0x3b40, 0x7f80, 0x0000];
    let levels = [[0, 0x7f, 0x7e, 0x7d], [0, 0x7c, 0x80, 0x7b], [0, 0x7a, 0x76, 0x79]];
    let fit = Fit::of(levels, vec![0; 7]);
    let shape = TableShape { dtype: Dtype::Bf16, rows: 1, dim: 64 };
    let index = Index::new(shape, 0).expect("small");
    let mut whole = [0x3f80; 64];
    whole[..7].copy_from_slice(&words);
    let mut row = Vec::new();
    let bias = [0; 64];
    let told = Encoder::new(index, &fit, &bias).add(&whole, &mut row);
    assert_eq!(told, Row { at: 0, second: 1, third: 3 });
    // Ones everywhere but at the places of the first eight words, which are 0 to 7.
    let mut codes = [0x55; 16];
    for (byte, code) in codes.iter_mut().zip([1, 2, 3, 0, 0, 0, 0, 1]) {
        *byte = 0x54 | code;
    }
    assert_eq!(row[..16], codes);
    // Mantissas, shifted by one; the sign of word 1 is bit 0 beside the mantissa of word 2.
    let mut lower = [0; 64];
    lower[4] = 0x80;
    lower[2] = 1;
    assert_eq!(row[16..80], lower);
    // 1 and three that pass on; 2 and two that pass on; then zero before infinity.
    assert_eq!(row[80..], [0x01, 0x02, 0x00, 0xff]);
}
