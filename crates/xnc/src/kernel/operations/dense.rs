//! Rows of codec `dense`, from tables whose numbers are as wild as their format allows.

use super::{Choices, bits};
use crate::kernel::Backend;
use crate::kernel::dense::residual::{Column, Head, Lane, PIECES, REFS, Scratch, Tables, decode};
use crate::kernel::dense::similar::{Best, QUERIES, Set, search};

fn wild(choices: &mut Choices<'_>, dim: usize) -> Tables {
    let column = |choices: &mut Choices<'_>| Column {
        mean: choices.dword().cast_signed() >> choices.below(32),
        unit: (choices.below(300) as i16 - 20) * if choices.below(20) == 0 { 100 } else { 1 },
        scale: 4096 + choices.below(4096) as u16,
        shift: choices.below(8) as u8,
    };
    let columns: Vec<Column> = (0..dim).map(|_| column(choices)).collect();
    let n = if choices.below(4) == 0 { 0 } else { dim * (dim - 1) / 2 };
    // Large coefficients leave 16 bits at once, small ones after many.
    let small = choices.below(8);
    let coef: Vec<i8> = choices.bytes(n).into_iter().map(|b| b.cast_signed() >> small).collect();
    let mut pieces = [0u16; PIECES + 1];
    let mut rest = 32764;
    for k in 0..PIECES {
        let take = choices.below(1 + rest / 8) * usize::from(choices.below(5) > 0);
        pieces[k + 1] = pieces[k] + take as u16;
        rest -= take;
    }
    let mantissa = choices.one(&[7, 10]);
    Tables::new(mantissa, &columns, &coef, pieces)
}

/// More rows than any loop takes at a time, now and then.
pub fn residual_decode(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let rows = 2 + choices.below(40);
    residual(backend, choices, rows)
}

/// A row alone.
pub fn residual_decode_one(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    residual(backend, choices, 1)
}

fn residual(backend: Backend, choices: &mut Choices<'_>, rows: usize) -> Vec<u32> {
    let dim = 1 + choices.below(70);
    let tables = wild(choices, dim);
    let keys: Vec<Vec<i8>> = (0..REFS)
        .map(|_| choices.bytes(dim).into_iter().map(|b| b.cast_signed().max(-127)).collect())
        .collect();
    let stream = |choices: &mut Choices<'_>| {
        let n = choices.below(4 * dim);
        choices.bytes(n)
    };
    let streams: Vec<Vec<u8>> = (0..rows).map(|_| stream(choices)).collect();
    let weight = |choices: &mut Choices<'_>, part: i8| choices.byte().cast_signed().max(-126) / part;
    let lanes: Vec<Lane<'_>> = streams
        .iter()
        .map(|stream| Lane {
            head: Head {
                scale: choices.below(128) as u8,
                lift: choices.below(8) as u8,
                weights: [weight(choices, 2), weight(choices, 3), weight(choices, 6)],
            },
            state: choices.dword() >> choices.below(32),
            stream,
            refs: std::array::from_fn(|k| if choices.below(3) == 0 { &[][..] } else { &keys[k][..] }),
        })
        .collect();
    let (mut words, mut kept) = (vec![0; rows * dim], vec![0; rows * dim]);
    let whole = {
        let mut words: Vec<&mut [u16]> = words.chunks_mut(dim).collect();
        let mut kept: Vec<&mut [i8]> = kept.chunks_mut(dim).collect();
        // A row that nobody builds on leaves no innovations.
        kept[0] = &mut [];
        decode(backend, &tables, &lanes, &mut words, &mut kept, &mut Scratch::new(backend, dim, rows))
    };
    let kept = kept.into_iter().map(|e: i8| i32::from(e).cast_unsigned());
    [u32::from(whole)].into_iter().chain(bits(&words)).chain(kept).collect()
}

pub fn similar_search(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let stride = 4 * (1 + choices.below(40));
    let spread = choices.below(8);
    let row = |choices: &mut Choices<'_>| -> Vec<i8> {
        choices.bytes(stride).into_iter().map(|b| b.cast_signed() >> spread).collect()
    };
    let rows = 1 + choices.below(60);
    let rows: Vec<Vec<i8>> = (0..rows).map(|_| row(choices)).collect();
    let set = Set::new(stride, rows.iter().map(Vec::as_slice));
    let queries = choices.below(QUERIES + 1);
    let queries: Vec<Vec<i8>> = (0..queries).map(|_| row(choices)).collect();
    let floor = choices.byte().into();
    let mut best: Vec<Best> = queries.iter().map(|_| Best::new(1 + choices.below(5), floor)).collect();
    let queries: Vec<&[i8]> = queries.iter().map(Vec::as_slice).collect();
    search(backend, &set, choices.below(set.groups())..set.groups(), &queries, &mut best);
    best.iter().flat_map(|best| &best.list).flat_map(|&(score, row)| [score.to_bits(), row]).collect()
}
