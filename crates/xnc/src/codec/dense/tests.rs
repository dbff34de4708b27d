//! Round trips of tables with and without structure, and what they cost.

use super::*;
use crate::codec::{Checks, Encoded, Stored, TableShape, View};
use crate::dtype::{Dtype, Words};
use crate::kernel::Backend;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32).sum::<f32>() - 6.0
    }
}

fn bf16(x: f32) -> u16 {
    half::bf16::from_f32(x).to_bits()
}

/// Rows with column means and correlated neighbours; `alike`: how far they lie around centres, of which there are
/// more than columns.
fn structured(random: &mut Random, rows: usize, dim: usize, alike: f32) -> Vec<u16> {
    let mean: Vec<f32> = (0..dim).map(|_| 0.05 * random.normal()).collect();
    let centres: Vec<Vec<f32>> = (0..150).map(|_| (0..dim).map(|_| random.normal()).collect()).collect();
    let mut out = Vec::with_capacity(rows * dim);
    for _ in 0..rows {
        let centre = &centres[random.next() as usize % 150];
        let mut before = 0.0;
        for j in 0..dim {
            before = 0.6 * before + random.normal();
            out.push(bf16(mean[j] + 0.02 * (before + alike * centre[j])));
        }
    }
    out
}

fn encoded(
    shape: TableShape,
    words: &[u8],
    effort: u8,
    payload: &mut Vec<u8>,
    advance: &mut dyn FnMut(usize),
) -> Encoded {
    let words = Words::new(words);
    encode(Backend::best(), shape, &words, Effort::new(effort), payload, advance).expect("a vector takes it")
}

/// Encodes and decodes in every way; returns the bits per word.
fn check(dtype: Dtype, rows: usize, dim: usize, words: &[u16], effort: u8) -> f64 {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let shape = TableShape { dtype, rows, dim };
    let (mut payload, mut told) = (Vec::new(), 0);
    let coded = encoded(shape, &bytes, effort, &mut payload, &mut |n| told += n);
    assert_eq!((coded.payload_bytes, told), (payload.len() as u64, words.len()));
    let stored = Stored { index: &coded.index, payload: &payload };
    let open = || DenseReader::open(shape, &coded.params, stored, Backend::best()).expect("opens");
    // Rows one by one, before anything else was decoded.
    let reader = open();
    let checks = Checks::on_touch(&reader, stored);
    let view = View { reader: &reader, stored, checks: &checks };
    let mut row = vec![0; dim];
    for id in (0..rows).step_by((rows / 50).max(1)) {
        view.gather(&[id], &mut row).expect("row");
        assert_eq!(row, words[id * dim..][..dim], "row {id}");
    }
    let reader = open();
    let checks = Checks::on_touch(&reader, stored);
    let view = View { reader: &reader, stored, checks: &checks };
    let mut all = vec![0; words.len()];
    for range in (0..view.chunks()).rev().map(|chunk| view.words_of(chunk)) {
        view.read(range.start, &mut all[range]).expect("chunk");
    }
    assert!(all == words);
    8.0 * (payload.len() + coded.index.len()) as f64 / words.len() as f64
}

fn order0(words: &[u16]) -> f64 {
    let mut n = vec![0u32; 1 << 16];
    words.iter().for_each(|&w| n[usize::from(w)] += 1);
    let total = words.len() as f64;
    n.iter().filter(|&&n| n > 0).map(|&n| f64::from(n) / total * (total / f64::from(n)).log2()).sum()
}

#[test]
fn structure_is_used_at_every_effort() {
    let words = structured(&mut Random(1), 3000, 48, 0.0);
    let bits = check(Dtype::Bf16, 3000, 48, &words, 1);
    assert!(bits < order0(&words) - 0.3, "{bits}, order-0 {}", order0(&words));
    let words = structured(&mut Random(1), 3000, 48, 3.0);
    let bits = [1, 2, 3, 4].map(|effort| check(Dtype::Bf16, 3000, 48, &words, effort));
    assert!(
        bits[1..].iter().all(|&bits| bits < order0(&words) - 0.5),
        "{bits:?}, order-0 {}",
        order0(&words)
    );
}

#[test]
fn native_fp16_comes_back() {
    let native: Vec<u16> =
        (0..32_000).map(|i| half::f16::from_f32(0.3 * Random(i).normal()).to_bits()).collect();
    check(Dtype::F16, 1000, 32, &native, 3);
}

#[test]
fn every_pattern_and_every_awkward_table() {
    let every: Vec<u16> = (0..=u16::MAX).map(|i| i.wrapping_mul(40_503)).collect();
    let mut random = Random(3);
    for dtype in [Dtype::Bf16, Dtype::F16] {
        check(dtype, 512, 128, &every, 3);
        check(dtype, 1, 65536, &every, 3);
        check(dtype, 65536, 1, &every, 3);
        check(dtype, 330, 198, &every[..330 * 198], 2);
        check(dtype, 0, 7, &[], 3);
        check(dtype, 1, 1, &[0x7fff], 3);
    }
    let (rows, dim) = (700, 40);
    let plain = structured(&mut random, rows, dim, 3.0);
    let with = |change: &mut dyn FnMut(usize, usize, u16) -> u16| {
        let words: Vec<u16> = (0..rows * dim).map(|i| change(i / dim, i % dim, plain[i])).collect();
        check(Dtype::Bf16, rows, dim, &words, 3)
    };
    with(&mut |_, _, w| if random.next().is_multiple_of(50) { random.next() as u16 } else { w });
    with(&mut |r, _, w| if r % 3 == 0 { 0 } else { w });
    with(&mut |r, j, _| plain[r / 2 * dim + j]);
    with(&mut |_, j, w| if j == 7 { bf16(1e30 * f32::from(w as i16)) } else { w });
    with(&mut |r, j, w| if r % 5 == 0 || j == 3 { 0x7fc0 } else { w });
    with(&mut |r, j, w| {
        if r == 9 {
            0x7f80
        } else if j == 0 {
            0x0001
        } else {
            w
        }
    });
    with(&mut |r, _, w| if r % 2 == 0 { w } else { w & 0x8000 | 0x0100 });
}

#[test]
fn without_structure_the_order_0_entropy_is_kept() {
    let mut random = Random(4);
    // Words in no order, from few values: nothing predicts them, and their exponents say little.
    let values: Vec<u16> = (0..200).map(|_| bf16(random.normal())).collect();
    let few: Vec<u16> = (0..4000 * 256).map(|_| values[(random.next() % 200) as usize]).collect();
    let bits = check(Dtype::Bf16, 4000, 256, &few, 3);
    assert!(bits < 1.005 * order0(&few), "{bits} against {}", order0(&few));
    let noise: Vec<u16> = (0..8000 * 128).map(|_| bf16(random.normal())).collect();
    let bits = check(Dtype::Bf16, 8000, 128, &noise, 3);
    assert!(bits < 1.005 * order0(&noise), "{bits} against {}", order0(&noise));
}

#[test]
fn shapes_larger_than_the_payload_could_hold_are_refused() {
    let shape = TableShape { dtype: Dtype::Bf16, rows: 1, dim: 4096 };
    let mut payload = Vec::new();
    let words = vec![0_u8; 2 * shape.dim];
    let encoded = encoded(shape, &words, 3, &mut payload, &mut |_| {});
    let stored = Stored { payload: &payload, index: &encoded.index };
    let open = |rows, dim| {
        DenseReader::open(TableShape { rows, dim, ..shape }, &encoded.params, stored, Backend::best())
    };
    assert!(open(1, 4096).is_ok());
    assert!(open(1, WIDEST + 1).is_err(), "a row without end");
    assert!(open(1 << 13, 1).is_err(), "more streams than the payload has bytes for");
}

#[test]
fn what_is_kept_of_keys_is_bounded() {
    let (rows, dim) = (3000, 48);
    let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
    let words = structured(&mut Random(5), rows, dim, 3.0);
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let read = |payload: &[u8], index: &[u8], params: &serde_json::Value| {
        let stored = Stored { payload, index };
        let reader = DenseReader::open(shape, params, stored, Backend::best()).expect("opens");
        let checks = Checks::on_touch(&reader, stored);
        let view = View { reader: &reader, stored, checks: &checks };
        let mut out = vec![0; words.len()];
        view.read(0, &mut out).expect("decodes");
        assert!(out == words);
        reader.kept()
    };
    let encoded = |effort: u8| {
        let mut payload = Vec::new();
        let coded = encoded(shape, &bytes, effort, &mut payload, &mut |_| {});
        (payload, coded)
    };
    let (payload, coded) = encoded(3);
    let kept = read(&payload, &coded.index, &coded.params);
    assert!((1..=words.len() / 2).contains(&kept), "{kept} bytes");
    // Rows one by one keep what they build on, within half of that.
    let stored = Stored { payload: &payload, index: &coded.index };
    let reader = DenseReader::open(shape, &coded.params, stored, Backend::best()).expect("opens");
    let checks = Checks::on_touch(&reader, stored);
    let view = View { reader: &reader, stored, checks: &checks };
    for turn in 0..2 {
        for id in (0..rows).rev() {
            let mut out = vec![0; dim];
            view.gather(&[id], &mut out).expect("decodes");
            assert!(out == words[id * dim..][..dim], "row {id}, turn {turn}");
        }
        assert!((1..=words.len() / 4).contains(&reader.kept()), "{} bytes", reader.kept());
    }
    // Without references any level is as good as another. A hostile index may say that every row is a key.
    let (payload, coded) = encoded(1);
    assert_eq!(read(&payload, &coded.index, &coded.params), 0, "no keys");
    let mut index = coded.index;
    let chunks = rows.div_ceil(index::chunk_rows(dim));
    let model = {
        let mut rest = &index[..];
        model::Model::read(dim, Dtype::Bf16.mantissa_bits(), &mut rest).expect("a model");
        index.len() - rest.len()
    };
    let levels = {
        let mut rest = &index[model + 4 * chunks + 4..];
        numbers::Numbers::read(numbers::Numbers::PLAIN, &mut rest).expect("a distribution of lengths");
        index.len() - rest.len()
    };
    assert_eq!(index[levels], 1 << index::LAST, "one level");
    index[levels] = 1;
    assert_eq!(read(&payload, &index, &coded.params), 0, "half a plain table");
}
