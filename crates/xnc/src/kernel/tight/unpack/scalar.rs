//! Portable, and what defines the others. No branch depends on a code: a third of them would go wrong.

use crate::kernel::tight::row::{
    CODES, GROUP, IN_BYTE, PLANE, QUAD, Row, RowShape, Symbols, WordSplit, rank_bit, word_at,
};

/// Symbols of the deeper levels of a row.
#[derive(Clone)]
pub(in crate::kernel::tight) struct Desk {
    /// Of words that passed the second level.
    deep: Vec<u8>,
    /// Of words that passed the first.
    passed: Vec<u8>,
}

impl Desk {
    pub(in crate::kernel::tight) fn new(shape: RowShape) -> Desk {
        // One behind what can be read is looked at.
        let zeros = vec![0; shape.places() + 1];
        Desk { deep: zeros.clone(), passed: zeros }
    }

    pub(in crate::kernel::tight) fn rows(
        &mut self,
        shape: RowShape,
        symbols: Symbols<'_>,
        payload: &[u8],
        rows: &[Row],
        out: &mut [u16],
    ) {
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(shape.dim)).filter(|(row, _)| !row.is_plain())
        {
            let (groups, levels) = payload[row.at..].split_at(shape.coded());
            self.levels(shape, symbols, groups, levels, &payload[..row.at + row.length(shape)], row.second);
            let mut next = 0;
            let (full, tail) = groups.split_at(shape.full() * shape.record());
            let tail = shape.whole(tail);
            let records = full.chunks_exact(shape.record()).chain([&tail[..shape.record()]]);
            let records = records.zip(symbols.bias.chunks_exact(GROUP));
            for ((record, bias), out) in records.zip(out.chunks_mut(GROUP)) {
                let words = group(shape.split, symbols.levels[0], record, bias, &self.passed, &mut next);
                out.copy_from_slice(&words[..out.len()]);
            }
        }
    }

    /// Symbols of the second and the third level, as many as words of the groups ask for.
    fn levels(
        &mut self,
        shape: RowShape,
        symbols: Symbols<'_>,
        groups: &[u8],
        second: &[u8],
        to_end: &[u8],
        third: usize,
    ) {
        let (full, tail) = groups.split_at(shape.full() * shape.record());
        let records = full.chunks_exact(shape.record());
        let count = records.map(|record| pass(&record[..CODES])).sum::<usize>()
            + pass(&tail[..shape.tail() / IN_BYTE]);
        let third = &second[third..];
        // The codes of the second level, of which the third has one for each that passes on.
        let (whole, rest) = second.split_at(count / IN_BYTE);
        let last = (0..count % IN_BYTE).filter(|k| rest[0] >> (2 * k) & 3 == 0).count();
        let deep = pass(whole) + last;
        let mut unnamed = to_end.iter().rev();
        for (k, symbol) in self.deep[..deep].iter_mut().enumerate() {
            *symbol = match code(third, k) {
                0 => *unnamed.next().expect("a row has more bytes than words"),
                code => symbols.levels[2][code],
            };
        }
        let mut next = 0;
        for (k, symbol) in self.passed[..count].iter_mut().enumerate() {
            let code = code(second, k);
            *symbol = select(symbols.levels[1], code, self.deep[next]);
            next += usize::from(code == 0);
        }
    }
}

/// How many codes of some bytes are 0.
fn pass(codes: &[u8]) -> usize {
    let zeros = |byte: &u8| (!(byte | byte >> 1) & 0x55).count_ones() as usize;
    codes.iter().map(zeros).sum()
}

#[inline]
fn code(level: &[u8], k: usize) -> usize {
    usize::from(level[k / IN_BYTE] >> (2 * (k % IN_BYTE)) & 3)
}

/// The symbol of a code, or the one that passed.
#[inline]
fn select(level: [u8; 4], code: usize, passed: u8) -> u8 {
    let mut level = level;
    level[0] = passed;
    level[code]
}

/// The words of a group; `next` steps on in the symbols of words that passed.
#[inline]
fn group(
    split: WordSplit,
    level: [u8; 4],
    record: &[u8],
    bias: &[u8],
    passed: &[u8],
    next: &mut usize,
) -> [u16; GROUP] {
    let (codes, planes) = record.split_at(CODES);
    let (planes, lower) = planes.split_at(PLANE * split.planes());
    let mut upper = [0; GROUP];
    for (quarter, upper) in upper.chunks_exact_mut(CODES).enumerate() {
        let bit = rank_bit(quarter * CODES);
        for (upper, codes) in upper.iter_mut().zip(codes) {
            let code = usize::from(codes >> bit & 3);
            *upper = select(level, code, passed[*next]);
            *next += usize::from(code == 0);
        }
    }
    for (to, plane) in planes.chunks_exact(PLANE).enumerate() {
        for (bit, upper) in upper.chunks_exact_mut(PLANE).enumerate() {
            for (upper, plane) in upper.iter_mut().zip(plane) {
                *upper = upper.wrapping_add((plane >> bit & 1) << to);
            }
        }
    }
    for (upper, bias) in upper.iter_mut().zip(bias) {
        *upper = upper.wrapping_add(*bias);
    }
    // Eight places hold eight words in order.
    let mut words = [0; GROUP];
    for (eight, (upper, lower)) in upper.chunks_exact(8).zip(lower.chunks_exact(8)).enumerate() {
        let words = &mut words[word_at(8 * eight)..][..8];
        for (word, (&upper, &lower)) in words.iter_mut().zip(upper.iter().zip(lower)) {
            *word = u16::from_le_bytes([lower, upper]);
        }
        for quad in words.as_chunks_mut::<QUAD>().0 {
            let [a, b, c, d] = *quad;
            *quad = [a >> 1 | b << 15, b >> 1 | c << 15, c >> 1 | d << 15, d >> 1 | a << 15];
        }
    }
    words
}
