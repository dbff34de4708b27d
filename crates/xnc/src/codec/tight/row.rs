//! One row: words to bytes. `spec/tight.md`, sections 3 and 4.

use super::index::Index;
use super::symbols::Fit;
use crate::kernel::tight::row::{
    CODES, GROUP, IN_BYTE, LEVELS, LONGEST, PLAIN, PLANE, QUAD, Row, RowShape, place, rank_bit,
};

/// Encodes rows one after another.
pub struct Encoder<'a> {
    index: Index,
    shape: RowShape,
    /// Codes of symbols in each level; 0 for those that pass on.
    codes: [[u8; 256]; LEVELS],
    /// The word of a place that is no word's: its symbol has the first code.
    filling: u16,
    /// By place.
    bias: &'a [u8],
    passed: Passed,
}

/// What words of the row at hand leave that pass on: codes of the second level, of the third, and symbols.
struct Passed {
    bytes: [Vec<u8>; LEVELS],
    lengths: [usize; LEVELS],
}

impl Passed {
    /// Takes one byte for each level, of which those count whose word passes on to that level. No branch depends on
    /// that: a third of them would go wrong.
    #[inline]
    fn add(&mut self, bytes: [u8; LEVELS], counts: [bool; LEVELS]) {
        for level in 0..LEVELS {
            self.bytes[level][self.lengths[level]] = bytes[level];
            self.lengths[level] += usize::from(counts[level]);
        }
    }

    fn level(&self, level: usize) -> &[u8] {
        &self.bytes[level][..self.lengths[level]]
    }
}

impl<'a> Encoder<'a> {
    /// For rows of a table whose biases, by place, are `bias`.
    pub fn new(index: Index, fit: &Fit, bias: &'a [u8]) -> Self {
        let levels = fit.levels();
        let mut codes = [[0; 256]; LEVELS];
        for (level, symbols) in levels.iter().enumerate() {
            for (code, &symbol) in symbols.iter().enumerate().skip(1) {
                // The first of equals; a table with few symbols repeats some.
                if codes[..=level].iter().all(|codes| codes[usize::from(symbol)] == 0) {
                    codes[level][usize::from(symbol)] = code as u8;
                }
            }
        }
        let shape = index.row;
        let room = || vec![0; shape.places() + 1];
        let passed = Passed { bytes: [room(), room(), room()], lengths: [0; LEVELS] };
        Encoder { index, shape, codes, filling: u16::from(levels[0][1]) << 7, bias, passed }
    }

    /// Appends a row to `out`; returns how long its levels are, as from byte 0 on.
    pub fn add(&mut self, words: &[u16], out: &mut Vec<u8>) -> Row {
        let begin = out.len();
        self.passed.lengths = [0; LEVELS];
        for (number, words) in words.chunks(GROUP).enumerate() {
            self.add_group(number, words, out);
        }
        let [second, third, unnamed] = [0, 1, 2].map(|level| self.passed.level(level));
        let row = Row {
            at: 0,
            second: second.len().div_ceil(IN_BYTE),
            third: third.len().div_ceil(IN_BYTE) + unnamed.len(),
        };
        if !self.index.holds_row(row) {
            out.truncate(begin);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            return Row { at: 0, second: PLAIN, third: 0 };
        }
        for level in [second, third] {
            let byte = |codes: &[u8]| codes.iter().rev().fold(0, |byte, code| byte << 2 | code);
            out.extend(level.chunks(IN_BYTE).map(byte));
        }
        out.extend(unnamed.iter().rev());
        row
    }

    fn add_group(&mut self, number: usize, words: &[u16], out: &mut Vec<u8>) {
        let turned = self.turned(words);
        let mut record = [0; LONGEST];
        let (planes, lower) = (self.shape.split.planes(), self.shape.lower());
        let kept = (1_u8 << planes) - 1;
        let mut upper = [0; GROUP];
        for (i, word) in turned.into_iter().enumerate() {
            [record[lower + place(i)], upper[place(i)]] = word.to_le_bytes();
        }
        for (upper, bias) in upper.iter_mut().zip(&self.bias[number * GROUP..]) {
            *upper = upper.wrapping_sub(*bias);
        }
        for plane in 0..planes {
            for (p, upper) in upper.iter().enumerate() {
                record[CODES + PLANE * plane + p % PLANE] |= (upper >> plane & 1) << (p / PLANE);
            }
        }
        for (p, upper) in upper.into_iter().enumerate() {
            let symbol = upper & !kept;
            let [first, second, third] = [0, 1, 2].map(|level| self.codes[level][usize::from(symbol)]);
            record[p % CODES] |= first << rank_bit(p);
            let passes = [first == 0, (first | second) == 0, (first | second | third) == 0];
            self.passed.add([second, third, symbol], passes);
        }
        if words.len() == GROUP {
            out.extend_from_slice(&record[..self.shape.record()]);
        } else {
            self.add_tail(&record, out);
        }
    }

    /// What the words of the tail have of a group.
    fn add_tail(&self, record: &[u8; LONGEST], out: &mut Vec<u8>) {
        let words = self.shape.tail();
        let code = |i: usize| record[place(i) % CODES] >> rank_bit(place(i)) & 3;
        let codes = (0..words).step_by(IN_BYTE);
        out.extend(codes.map(|i| (0..IN_BYTE).map(|k| code(i + k) << (2 * k)).sum::<u8>()));
        for plane in record[CODES..self.shape.lower()].chunks_exact(PLANE) {
            let bit =
                |i: usize| if i < words { plane[place(i) % PLANE] >> (place(i) / PLANE) & 1 } else { 0 };
            out.extend((0..words).step_by(8).map(|i| (0..8).map(|k| bit(i + k) << k).sum::<u8>()));
        }
        out.extend((0..words).map(|i| record[self.shape.lower() + place(i)]));
    }

    /// The words of a group, filled up, and each quad turned left by a bit.
    fn turned(&self, words: &[u16]) -> [u16; GROUP] {
        let mut group = [self.filling; GROUP];
        group[..words.len()].copy_from_slice(words);
        for quad in group.as_chunks_mut::<QUAD>().0 {
            let [a, b, c, d] = *quad;
            *quad = [a << 1 | d >> 15, b << 1 | a >> 15, c << 1 | b >> 15, d << 1 | c >> 15];
        }
        group
    }
}
