//! Tables of every kind through encode, open, decode, on every backend.

use super::encode::encode;
use super::row::Encoder;
use super::symbols::Fit;
use super::*;
use crate::codec::placing::Placing;
use crate::codec::trial::{Coded, Trial};
use crate::codec::{Codec, TableShape};
use crate::kernel::Backend;
use crate::random::Random;

const TRIAL: Trial = Trial {
    codec: Codec::Fast,
    encode: |shape, words, payload| {
        encode(Backend::best(), shape, words, Placing::DENSE, payload, &mut |_| {})
    },
};

#[test]
fn every_table_comes_back_whole_in_ranges_and_by_row() {
    TRIAL.every_table_comes_back_whole_in_ranges_and_by_row();
}

#[test]
fn products_equal_those_of_the_words_whatever_these_are() {
    TRIAL.products_equal_those_of_the_words_whatever_these_are();
}

#[test]
fn placed_rows_come_back() {
    let mut random = Random(4);
    let (rows, dim) = (300, 640);
    let words: Vec<u16> =
        (0..rows * dim).map(|_| ((0.03 * random.normal()).to_bits() >> 16) as u16).collect();
    let shape = TableShape { dtype: Dtype::Bf16, rows, dim };
    for placing in [Placing { align: 16, page: 0 }, Placing { align: 8, page: 4096 }] {
        let coded = Coded::new(Codec::Fast, shape, &words, |shape, words, payload| {
            encode(Backend::best(), shape, words, placing, payload, &mut |_| {})
        });
        coded.with(Backend::best(), |_, view| {
            let (mut all, mut some) = (vec![0; rows * dim], vec![0; 2 * dim]);
            view.read(0, &mut all).expect("reads");
            assert!(all == words, "{placing:?}");
            view.gather(&[299, 7], &mut some).expect("reads");
            assert!(some == [&words[299 * dim..], &words[7 * dim..8 * dim]].concat());
        });
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
