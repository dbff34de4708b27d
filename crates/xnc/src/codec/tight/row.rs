//! One row: words to bytes. `spec/tight.md`, sections 3 and 4.

use super::index::Index;
use super::symbols::Fit;
use crate::kernel::tight::row::{CODED, GROUP, IN_BYTE, LEVELS, PLAIN, QUAD, Row, RowShape, place, rank_bit};

/// Encodes rows one after another.
pub struct Encoder<'a> {
    index: Index,
    shape: RowShape,
    levels: [[u8; 1 + CODED]; LEVELS],
    /// Level and code of each symbol that has one.
    named: [Option<(usize, u8)>; 256],
    /// By place.
    bias: &'a [u8],
    /// Codes of the second and the third level, and symbols that none names, of the row at hand.
    passed: [Vec<u8>; 3],
}

impl<'a> Encoder<'a> {
    /// For rows of a table whose biases, by place, are `bias`.
    pub fn new(index: Index, fit: &Fit, bias: &'a [u8]) -> Self {
        let levels = fit.levels();
        let mut named = [None; 256];
        for (level, symbols) in levels.iter().enumerate() {
            for (code, &symbol) in symbols.iter().enumerate().skip(1) {
                // The first of equals; a table with few symbols repeats some.
                named[usize::from(symbol)].get_or_insert((level, code as u8));
            }
        }
        Encoder { index, shape: index.row, levels, named, bias, passed: Default::default() }
    }

    /// Appends a row to `out`; returns how long its levels are, as from byte 0 on.
    pub fn add(&mut self, words: &[u16], out: &mut Vec<u8>) -> Row {
        let begin = out.len();
        self.passed.iter_mut().for_each(Vec::clear);
        for (number, words) in words.chunks(GROUP).enumerate() {
            self.add_group(number, words, out);
        }
        let [second, third, unnamed] = &self.passed;
        let row = Row { at: 0, second: second.len().div_ceil(IN_BYTE), third: third.len().div_ceil(IN_BYTE) };
        let row = Row { third: row.third + unnamed.len(), ..row };
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
        // A place that is no word's holds one whose symbol has the first code.
        let mut group = [u16::from(self.levels[0][1]) << 7; GROUP];
        group[..words.len()].copy_from_slice(words);
        let mut turned = [0; GROUP];
        for (turned, quad) in turned.chunks_exact_mut(QUAD).zip(group.as_chunks::<QUAD>().0) {
            let bits = quad.iter().rev().fold(0, |bits, &word| bits << 16 | u64::from(word)).rotate_left(1);
            turned.iter_mut().enumerate().for_each(|(i, word)| *word = (bits >> (16 * i)) as u16);
        }
        let begin = out.len();
        out.resize(begin + self.shape.record(), 0);
        let record = &mut out[begin..];
        let (planes, lower) = (self.shape.split.planes(), self.shape.lower());
        let kept = (1_u8 << planes) - 1;
        let mut by_place = [0; GROUP];
        turned.iter().enumerate().for_each(|(i, &word)| by_place[place(i)] = word);
        for (p, word) in by_place.into_iter().enumerate() {
            let [low, upper] = word.to_le_bytes();
            let upper = upper.wrapping_sub(self.bias[number * GROUP + p]);
            record[lower + p] = low;
            for plane in 0..planes {
                record[16 + 8 * plane + p % 8] |= (upper >> plane & 1) << (p / 8);
            }
            record[p % 16] |= self.code(upper & !kept) << rank_bit(p);
        }
    }

    /// The code of a word in its group; those of deeper levels are put where they go.
    fn code(&mut self, symbol: u8) -> u8 {
        let named = self.named[usize::from(symbol)];
        let (level, code) = named.unwrap_or((LEVELS, 0));
        let [second, third, unnamed] = &mut self.passed;
        if level > 0 {
            second.push(if level == 1 { code } else { 0 });
        }
        if level > 1 {
            third.push(if level == 2 { code } else { 0 });
        }
        if level > 2 {
            unnamed.push(symbol);
        }
        if level == 0 { code } else { 0 }
    }
}
