//! Tables of every kind through encode, open, decode, on every backend.

use super::encode::encode;
use super::index::Index;
use super::row::Encoder;
use super::symbols::Fit;
use super::*;
use crate::codec::placing::Placing;
use crate::codec::trial::Trial;
use crate::codec::{Codec, TableShape};
use crate::kernel::tight::row::Row;

const TRIAL: Trial = Trial {
    codec: Codec::Tight,
    encode: |shape, words, payload| encode(shape, words, Placing::DENSE, payload, &mut |_| {}),
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
fn the_worked_example_of_the_spec() {
    // The exponents' levels and codes are 1, 2 and 3 of the first, 1 of the second, 2 of the third, none; then
    // zero, which has none either.
    let words = [0x3f80_u16, 0xbf00, 0x3e80, 0x3e00, 0x3b40, 0x7f80, 0x0000];
    let levels = [[0, 0x7f, 0x7e, 0x7d], [0, 0x7c, 0x80, 0x7b], [0, 0x7a, 0x76, 0x79]];
    let fit = Fit::of(levels, vec![0; 7]);
    let shape = TableShape { dtype: Dtype::Bf16, rows: 1, dim: 64 };
    let index = Index::new(shape, Placing::DENSE, 0).expect("small");
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
