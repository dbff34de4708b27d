//! Tables of every kind through encode, open, decode, on every backend.

use std::sync::Arc;

use super::encode::encode;
use super::index::Placing;
use super::row::Encoder;
use super::symbols::Fit;
use super::*;
use crate::codec::{Checks, Encoded, Reader, Stored, TableShape, Vectors, View};
use crate::dtype::{Words, bf16_to_f16};
use crate::kernel::Backend;
use crate::kernel::bytes_of;
use crate::kernel::dot;
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

fn encoded(shape: TableShape, words: &[u16], placing: Placing) -> (Vec<u8>, Encoded) {
    let mut payload = Vec::new();
    let words = Words::new(bytes_of(words));
    let encoded = encode(Backend::best(), shape, &words, placing, &mut payload, &mut |_| {});
    let mut encoded = encoded.expect("a Vec takes it");
    encoded.index.resize(encoded.index.len().next_multiple_of(64), 0);
    (payload, encoded)
}

fn open(shape: TableShape, encoded: &Encoded, stored: Stored<'_>, backend: Backend) -> Arc<FastReader> {
    Arc::new(FastReader::open(shape, &encoded.params, stored, backend).expect("opens"))
}

#[test]
fn every_table_comes_back_whole_and_in_ranges() {
    for dtype in [Dtype::Bf16, Dtype::F16] {
        for dim in [1, 7, 63, 64, 65, 100, 128, 160, 576, 1000, 20_000] {
            let rows = 70_000 / dim + 1;
            for (kind, words) in tables(dtype, rows * dim).into_iter().enumerate() {
                let shape = TableShape { dtype, rows, dim };
                let (payload, encoded) = encoded(shape, &words, Placing::DENSE);
                assert_eq!(payload.len() as u64, encoded.payload_bytes);
                let stored = Stored { index: &encoded.index, payload: &payload };
                let reader = open(shape, &encoded, stored, Backend::best());
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
                assert!(out == words, "{dtype} {dim} kind {kind}");
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
            let (payload, encoded) = encoded(shape, &words, Placing::DENSE);
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
fn placed_rows_come_back() {
    let mut random = Random(4);
    let (rows, dim) = (300, 640);
    let words: Vec<u16> =
        (0..rows * dim).map(|_| ((0.03 * random.normal()).to_bits() >> 16) as u16).collect();
    let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
    for placing in [Placing { align: 16, page: 0 }, Placing { align: 8, page: 4096 }] {
        let (payload, encoded) = encoded(shape, &words, placing);
        let stored = Stored { index: &encoded.index, payload: &payload };
        let reader = open(shape, &encoded, stored, Backend::best());
        let checks = Checks::on_touch(&*reader, stored);
        let view = View { reader: &*reader, stored, checks: &checks };
        let (mut all, mut some) = (vec![0; rows * dim], vec![0; 2 * dim]);
        view.read(0, &mut all).expect("reads");
        assert!(all == words, "{placing:?}");
        view.gather(&[299, 7], &mut some).expect("reads");
        assert!(some == [&words[299 * dim..], &words[7 * dim..8 * dim]].concat());
    }
}

#[test]
fn the_worked_example_of_the_spec() {
    // Ranks 0 0 1 2 3, one that is listed, 0, and zero, which is listed too.
    let words = [0x3f80_u16, 0xbf00, 0x3e80, 0xbd40, 0x4040, 0x3c00, 0x3f00, 0x0000];
    let rare = std::array::from_fn(|code| [0x3c, 0x00, 0x41][code.min(2)]);
    let fit = Fit::of([0x3f, 0x3e, 0x3d, 0x40], rare, vec![0; 8]);
    for backend in Backend::every_kind() {
        let mut encoder = Encoder::new(backend, Dtype::Bf16, 254, &fit, &[0; 8]);
        let mut row = Vec::new();
        assert_eq!(encoder.add(&words, &mut row), 2);
        assert_eq!(row, [5, 0, 1, 0x10, 0x90, 0x03, 0x0a, 0x80, 0, 0x80, 0x40, 0x40, 0, 0, 0]);
    }
}
