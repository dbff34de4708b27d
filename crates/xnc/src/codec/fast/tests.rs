//! Tables of every kind through encode, open, decode, on every backend.

use std::sync::Arc;

use super::*;
use crate::codec::{Checks, Stored, View};
use crate::dtype::{Dtype, Words, bf16_to_f16};
use crate::kernel::bytes_of;
use crate::kernel::fast::unpack::Ahead;
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
    let encoded = encode(Backend::best(), shape, &words, &mut payload, &mut |_| {}).expect("a Vec takes it");
    (payload, encoded)
}

fn open(shape: TableShape, encoded: &Encoded, stored: Stored<'_>) -> Arc<FastReader> {
    Arc::new(FastReader::open(shape, &encoded.params, stored, Backend::best()).expect("opens"))
}

#[test]
fn every_table_comes_back_whole_and_in_ranges() {
    for dtype in [Dtype::Bf16, Dtype::F16] {
        for dim in [1, 7, 63, 64, 65, 100, 128, 576, 1000] {
            let rows = 70_000 / dim;
            for (kind, words) in tables(dtype, rows * dim).into_iter().enumerate() {
                let shape = TableShape { dtype, rows, dim };
                let (payload, encoded) = encoded(shape, &words);
                assert_eq!(payload.len() as u64, encoded.payload_bytes);
                let stored = Stored { index: &encoded.index, payload: &payload };
                let reader = open(shape, &encoded, stored);
                let checks = Checks::on_touch(&*reader);
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
fn backends_agree_on_any_bytes() {
    let mut random = Random(9);
    for dtype in [Dtype::Bf16, Dtype::F16] {
        for dim in [64, 65, 300, 640] {
            let shape = crate::kernel::fast::row::RowShape { dim, split: word_form(dtype) };
            let upper: [u8; 16] = std::array::from_fn(|_| random.next() as u8);
            let bias: Vec<u16> = (0..dim).map(|_| random.next() as u16).collect();
            let symbols = crate::kernel::fast::row::Symbols { upper: &upper, bias: &bias };
            for _ in 0..300 {
                let row: Vec<u8> =
                    (0..shape.reach()).map(|_| (random.next() | random.next()) as u8).collect();
                let mut expected = vec![0; dim];
                crate::kernel::fast::unpack::rows(
                    Backend::SCALAR,
                    shape,
                    symbols,
                    &row,
                    &[0],
                    Ahead::NONE,
                    &mut expected,
                );
                for backend in Backend::every_kind() {
                    let mut out = vec![0; dim];
                    crate::kernel::fast::unpack::rows(
                        backend,
                        shape,
                        symbols,
                        &row,
                        &[0],
                        Ahead::NONE,
                        &mut out,
                    );
                    assert!(out == expected, "{backend:?}");
                }
            }
        }
    }
}

#[test]
fn fused_products_equal_those_of_the_words() {
    use crate::kernel::{dot, fast::product};
    let mut random = Random(11);
    let (rows, dim) = (100, 320);
    let mut words: Vec<u16> =
        (0..rows * dim).map(|_| ((0.03 * random.normal()).to_bits() >> 16) as u16).collect();
    // Rows with exceptions that differ, many and two, with one of each sign, with ones in the first and last
    // place, and with a word that no power of two scales.
    (0..dim).step_by(5).for_each(|column| words[7 * dim + column] = 0x6000 + column as u16);
    (words[11 * dim + 3], words[11 * dim + 9]) = (0x6123, 0x6523);
    (words[14 * dim + 3], words[14 * dim + 9]) = (0x6123, 0xe123);
    (words[8 * dim], words[9 * dim - 1], words[20 * dim + 70]) = (0x6123, 0xe123, 0);
    words[30 * dim..31 * dim].iter_mut().for_each(|word| *word = random.next() as u16);
    let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
    let (payload, encoded) = encoded(shape, &words);
    let stored = Stored { index: &encoded.index, payload: &payload };
    let layout = open(shape, &encoded, stored);
    let shared = layout.shared();
    assert!(shared.scale.is_some(), "small biases");
    let x: Vec<f32> = (0..dim).map(|_| 0.03 * random.normal()).collect();
    let x_bf16: Vec<u16> = x.iter().map(|x| (x.to_bits() >> 16) as u16).collect();
    let mut at: Vec<usize> = (0..rows).map(|row| layout.row(stored, row).start).collect();
    at.push(layout.row(stored, rows - 1).end);
    // The loop has room for one upper byte of each sign.
    let unlike = |&row: &usize| {
        let (number, end) = (payload[at[row]], at[row + 1]);
        let listed = (1..=usize::from(number % 255)).map(|i| payload[end - 3 * i + 2]);
        let some = |negative: bool| listed.clone().filter(move |upper| (upper >> 7 == 1) == negative);
        let differ = |negative| some(negative).min() != some(negative).max();
        row == 30 || differ(false) || differ(true)
    };
    let unlike: Vec<usize> = (0..rows).filter(unlike).collect();
    assert!([7, 11].iter().all(|row| unlike.contains(row)) && !unlike.contains(&14) && unlike.len() < 10);
    let mut inexact = [&unlike[..], &[20]].concat();
    inexact.sort_unstable();
    inexact.dedup();
    let strange = at[..rows].iter().filter(|&&at| (1..255).contains(&payload[at])).count();
    assert!(strange > rows / 10 && strange < rows / 2, "{strange}");
    let rows_of = product::Rows { payload: &payload, at: &at };
    for backend in Backend::every_kind() {
        let check = |fused: Option<product::Fused>, expected: &[f32], other_ways: [&[usize]; 2]| {
            let mut fused = fused.expect("every backend has a loop");
            let (mut out, mut left) = (vec![0.0; rows], Vec::new());
            fused.times(rows_of, &mut out, &mut left);
            assert!(other_ways.contains(&&left[..]), "{backend:?} leaves {left:?}");
            for (r, (out, expected)) in out.iter().zip(expected).enumerate() {
                assert!(left.contains(&r) || out.to_bits() == expected.to_bits(), "{backend:?} row {r}");
            }
        };
        let (mut arranged, mut expected) = (vec![0.0; dim], vec![0.0; rows]);
        dot::arrange(backend, Dtype::Bf16, &x, &mut arranged);
        dot::rows_f32(backend, Dtype::Bf16, bytes_of(&words), dim, &arranged, 0, &mut expected);
        let biased = product::Shared { scale: None, ..shared };
        check(product::Fused::f32(backend, biased, &x), &expected, [&unlike; 2]);
        // Not every loop leaves the biases out.
        check(product::Fused::f32(backend, shared, &x), &expected, [&unlike, &inexact]);
        dot::rows_bf16(backend, bytes_of(&words), dim, &x_bf16, 0, &mut expected);
        check(product::Fused::bf16(backend, shared, &x_bf16), &expected, [&unlike, &inexact]);
    }
}

/// As in tables that were 8-bit once: a word in six is zero, and zero has a rank.
#[test]
fn zeros_stay_in_the_loop() {
    use crate::kernel::{dot, fast::product};
    let mut random = Random(12);
    let (rows, dim) = (40, 192);
    let mut word = |i| if i % 6 == 0 { 0 } else { (random.normal().to_bits() >> 16) as u16 };
    let words: Vec<u16> = (0..rows * dim).map(&mut word).collect();
    let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
    let (payload, encoded) = encoded(shape, &words);
    let stored = Stored { index: &encoded.index, payload: &payload };
    let layout = open(shape, &encoded, stored);
    let exact = &layout.shared().scale.expect("small biases").exact;
    assert!(crate::kernel::fast::row::coded(layout.symbols().upper).any(|upper| !exact.contains(&upper)));
    let mut at: Vec<usize> = (0..rows).map(|row| layout.row(stored, row).start).collect();
    at.push(layout.row(stored, rows - 1).end);
    let x: Vec<f32> = (0..dim).map(|_| random.normal()).collect();
    for backend in Backend::every_kind() {
        let (mut arranged, mut expected) = (vec![0.0; dim], vec![0.0; rows]);
        dot::arrange(backend, Dtype::Bf16, &x, &mut arranged);
        dot::rows_f32(backend, Dtype::Bf16, bytes_of(&words), dim, &arranged, 0, &mut expected);
        let fused = product::Fused::f32(backend, layout.shared(), &x);
        let mut fused = fused.expect("every backend has a loop");
        let (mut out, mut left) = (vec![0.0; rows], Vec::new());
        fused.times(product::Rows { payload: &payload, at: &at }, &mut out, &mut left);
        assert!(left.len() < rows / 4, "{backend:?} leaves {left:?}");
        for (r, (out, expected)) in out.iter().zip(expected).enumerate() {
            assert!(left.contains(&r) || out.to_bits() == expected.to_bits(), "{backend:?} row {r}");
        }
    }
}

#[test]
fn the_worked_example_of_the_spec() {
    let words = [0x3f80_u16, 0xbf00, 0x3e80, 0xbd40, 0x4040, 0x3c00, 0x3f00, 0x0000];
    let fit = Fit::of([0x3f, 0x3e, 0x3d, 0x40, 0x3c, 0x41, 0x3b], vec![0; 8]);
    for backend in Backend::every_kind() {
        let mut encoder = Encoder::new(backend, Dtype::Bf16, &fit, 8);
        encoder.add(&words);
        let row = [1, 0x3c, 0x0a, 0x80, 0, 0x80, 0x40, 0x40, 0, 0, 0, 0x6e, 0x01, 7, 0, 0];
        assert_eq!(encoder.finish().bytes, row);
    }
}
