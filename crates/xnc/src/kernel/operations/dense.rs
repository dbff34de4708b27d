//! Rows of codec `dense`, from tables whose numbers are as wild as their format allows.

use super::{Choices, bits};
use crate::kernel::Backend;
use crate::kernel::dense::factor::{ROWS, Turned, subtract};
use crate::kernel::dense::gram::{Gram, TILE, Tile};
use crate::kernel::dense::residual::{
    Column, Given, Head, Lane, PIECES, REFS, Scratch, Slots, Tables, decode, encode,
};
use crate::kernel::dense::similar::{GROUP, Set, dot, search};

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

fn head(choices: &mut Choices<'_>) -> Head {
    let weight = |choices: &mut Choices<'_>, part: i8| choices.byte().cast_signed().max(-126) / part;
    Head {
        scale: choices.below(128) as u8,
        lift: choices.below(8) as u8,
        weights: [weight(choices, 2), weight(choices, 3), weight(choices, 6)],
    }
}

/// Innovations that rows may refer to.
fn keys(choices: &mut Choices<'_>, dim: usize) -> Vec<Vec<i8>> {
    let key = |choices: &mut Choices<'_>| {
        choices.bytes(dim).into_iter().map(|b| b.cast_signed().max(-127)).collect()
    };
    (0..REFS).map(|_| key(choices)).collect()
}

fn refs<'a>(choices: &mut Choices<'_>, keys: &'a [Vec<i8>]) -> [&'a [i8]; REFS] {
    std::array::from_fn(|k| if choices.below(3) == 0 { &[][..] } else { &keys[k][..] })
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
    let keys = keys(choices, dim);
    let stream = |choices: &mut Choices<'_>| {
        let n = choices.below(4 * dim);
        choices.bytes(n)
    };
    let streams: Vec<Vec<u8>> = (0..rows).map(|_| stream(choices)).collect();
    let lanes: Vec<Lane<'_>> = streams
        .iter()
        .map(|stream| Lane {
            head: head(choices),
            state: choices.dword() >> choices.below(32),
            stream,
            refs: refs(choices, &keys),
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

/// Rows of words as a table has them, and of any words.
pub fn residual_encode(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let rows = 1 + choices.below(40);
    let dim = 1 + choices.below(70);
    let tables = wild(choices, dim);
    let keys = keys(choices, dim);
    let (like, near) = (choices.word(), choices.below(16));
    let words: Vec<u16> = (0..rows * dim).map(|_| like ^ choices.word() >> near).collect();
    let lanes: Vec<Lane<'_>> = (0..rows).map(|_| Lane::given(head(choices), refs(choices, &keys))).collect();
    let (mut kept, mut ranges, mut rest) = (vec![0; rows * dim], vec![0; rows * dim], vec![0; rows * dim]);
    {
        let slots = ranges.chunks_mut(dim).zip(rest.chunks_mut(dim));
        let given = lanes.iter().zip(words.chunks(dim)).zip(kept.chunks_mut(dim)).zip(slots);
        let mut given: Vec<Given<'_>> = given
            .map(|(((&lane, words), innovations), (ranges, rest))| Given {
                lane,
                words,
                innovations,
                slots: Slots { ranges, rest },
            })
            .collect();
        // Some rows leave no innovations, or no slots.
        given[0].innovations = &mut [];
        if choices.below(2) == 0 {
            given.iter_mut().skip(choices.below(2)).for_each(|given| given.slots = Slots::default());
        }
        encode(backend, &tables, &mut given, &mut Scratch::new(backend, dim, rows));
    }
    let kept = kept.into_iter().map(|e: i8| i32::from(e).cast_unsigned());
    ranges.into_iter().chain(bits(&rest)).chain(kept).collect()
}

pub fn factor_subtract(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (width, rows) = (1 + choices.below(9), 1 + choices.below(40));
    let mut value = || f64::from(choices.word().cast_signed()) / 997.0;
    let columns: Vec<f64> = (0..width * rows).map(|_| value()).collect();
    let mut behind: Vec<f64> = (0..rows * rows).map(|_| value()).collect();
    let turned = Turned::new(width, rows, |i, k| columns[i * width + k]);
    for (part, some) in behind.chunks_mut(ROWS * rows).enumerate() {
        let mut some: Vec<&mut [f64]> = some.chunks_exact_mut(rows).collect();
        subtract(backend, &turned, &mut some, part * ROWS);
    }
    behind.into_iter().flat_map(|v| [v.to_bits() as u32, (v.to_bits() >> 32) as u32]).collect()
}

pub fn gram_products(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let (rows, spread) = (choices.below(40), choices.below(8));
    let fill = |choices: &mut Choices<'_>| {
        Tile::new(rows, |_, part| part.iter_mut().for_each(|v| *v = choices.word().cast_signed() >> spread))
    };
    let gram = Gram::new((0..1 + choices.below(4)).map(|_| fill(choices)).collect());
    let tiles = choices.below(gram.tiles())..gram.tiles();
    let mut sums = vec![0; tiles.len() * TILE * tiles.end * TILE];
    gram.products(backend, tiles, &mut sums);
    sums.into_iter().flat_map(|sum: i64| [sum as u32, (sum >> 32) as u32]).collect()
}

pub fn similar_search(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let stride = 4 * (1 + choices.below(40));
    let spread = choices.below(8);
    let rows = 1 + choices.below(60);
    let set = Set::new(stride, rows, |_, row| {
        row.iter_mut().for_each(|v| *v = choices.byte().cast_signed() >> spread);
    });
    let groups = choices.below(set.groups())..set.groups();
    let queries = choices.below(rows)..rows;
    let floor = choices.word();
    let mut floors =
        |n: usize| -> Vec<i32> { (0..n).map(|_| i32::from(floor ^ choices.word() >> 4)).collect() };
    let (own, others) = (floors(queries.len()), floors(groups.len() * GROUP));
    let mut hits = Vec::new();
    search(backend, [&set, &set], queries, groups, [&own, &others], &mut hits);
    hits.iter().flat_map(|hit| [hit.query, hit.member, hit.score.cast_unsigned()]).collect()
}

pub fn similar_dot(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let n = choices.below(200);
    let row = |choices: &mut Choices<'_>| -> Vec<i8> {
        choices.bytes(n).into_iter().map(u8::cast_signed).collect()
    };
    vec![dot(backend, &row(choices), &row(choices)).cast_unsigned()]
}
