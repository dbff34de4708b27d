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
    /// Symbols of the words of a row that pass the first level, the second, and the third.
    passed: [Passed; LEVELS],
    /// A code for each word of a group, or for each that passed.
    coded: Vec<u8>,
}

/// Symbols that passed a level, with room for one more than can.
struct Passed {
    symbols: Vec<u8>,
    count: usize,
}

impl Passed {
    /// Takes the codes of symbols, and those symbols that have none. No branch depends on that: a third of them would
    /// go wrong.
    #[inline]
    fn add(&mut self, codes: &[u8; 256], symbols: &[u8], coded: &mut [u8]) {
        let coded = &mut coded[..symbols.len()];
        let mut count = self.count;
        for i in 0..symbols.len() {
            let code = codes[usize::from(symbols[i])];
            coded[i] = code;
            self.symbols[count] = symbols[i];
            count += usize::from(code == 0);
        }
        self.count = count;
    }

    fn all(&self) -> &[u8] {
        &self.symbols[..self.count]
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
        let passed = [0; LEVELS].map(|count| Passed { symbols: vec![0; shape.places() + 1], count });
        let coded = vec![0; shape.places()];
        Encoder { index, shape, codes, filling: u16::from(levels[0][1]) << 7, bias, passed, coded }
    }

    /// Appends a row to `out`; returns how long its levels are, as from byte 0 on.
    pub fn add(&mut self, words: &[u16], out: &mut Vec<u8>) -> Row {
        let begin = out.len();
        self.passed.iter_mut().for_each(|passed| passed.count = 0);
        for (number, words) in words.chunks(GROUP).enumerate() {
            self.add_group(number, words, out);
        }
        let coded = out.len();
        for level in 1..LEVELS {
            self.add_level(level, out);
        }
        let unnamed = self.passed[LEVELS - 1].all();
        out.extend(unnamed.iter().rev());
        let second = self.passed[0].count.div_ceil(IN_BYTE);
        let row = Row { at: 0, second, third: out.len() - coded - second };
        if !self.index.holds_row(row) {
            out.truncate(begin);
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            return Row { at: 0, second: PLAIN, third: 0 };
        }
        row
    }

    /// Codes of the words that passed the level before.
    fn add_level(&mut self, level: usize, out: &mut Vec<u8>) {
        let [before, passed] = &mut self.passed[level - 1..=level] else { unreachable!("two levels") };
        let coded = &mut self.coded[..before.count];
        passed.add(&self.codes[level], before.all(), coded);
        let (whole, rest) = coded.as_chunks::<IN_BYTE>();
        out.extend(whole.iter().map(|[a, b, c, d]| a | b << 2 | c << 4 | d << 6));
        if !rest.is_empty() {
            out.push(rest.iter().rev().fold(0, |byte, code| byte << 2 | code));
        }
    }

    fn add_group(&mut self, number: usize, words: &[u16], out: &mut Vec<u8>) {
        let turned = self.turned(words);
        let mut record = [0; LONGEST];
        let (planes, lower) = (self.shape.split.planes(), self.shape.lower());
        let mut upper = [0; GROUP];
        let bias = &self.bias[number * GROUP..][..GROUP];
        for i in 0..GROUP {
            let [low, high] = turned[i].to_le_bytes();
            record[lower + place(i)] = low;
            upper[place(i)] = high.wrapping_sub(bias[place(i)]);
        }
        for plane in 0..planes {
            for p in 0..GROUP {
                record[CODES + PLANE * plane + p % PLANE] |= (upper[p] >> plane & 1) << (p / PLANE);
            }
        }
        let kept = (1_u8 << planes) - 1;
        upper.iter_mut().for_each(|upper| *upper &= !kept);
        let mut coded = [0; GROUP];
        self.passed[0].add(&self.codes[0], &upper, &mut coded);
        for p in 0..GROUP {
            record[p % CODES] |= coded[p] << rank_bit(p);
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
