//! Portable, and what defines the others: each word is widened once, then multiplied with all vectors.

use super::MOST;
use crate::dtype::Dtype;
use crate::kernel::dot::scalar::{multiply_add, sum, sum_pairs, value};
use crate::kernel::dot::{GROUP, filled};

/// Goes through the groups of each row: `group` gets its words, the activations of all vectors and the lanes of
/// all vectors; `sum` adds lanes.
fn rows<T>(
    rows: &[u8],
    dim: usize,
    x: &[[T; GROUP]],
    out: &mut [&mut [f32]],
    group: impl Fn([u16; GROUP], &[[T; GROUP]], &mut [[f32; 32]]),
    sum: impl Fn([f32; 32]) -> f32,
) {
    let vectors = out.len();
    for (r, row) in rows.chunks_exact(2 * dim).enumerate() {
        let mut lanes = [[0.0; 32]; MOST];
        let lanes = &mut lanes[..vectors];
        let mut x = x.chunks_exact(vectors);
        let mut next = |words: &[u8; 2 * GROUP]| {
            let bytes = words.as_chunks().0;
            let words = std::array::from_fn(|i| u16::from_le_bytes(bytes[i]));
            group(words, x.next().expect("as many groups as a row has"), lanes);
        };
        let (groups, tail) = row.as_chunks();
        groups.iter().for_each(&mut next);
        if !tail.is_empty() {
            next(&filled(tail));
        }
        out.iter_mut().zip(lanes).for_each(|(out, lane)| out[r] = sum(*lane));
    }
}

/// Asks for nothing ahead.
pub(super) fn rows_f32(
    dtype: Dtype,
    words: &[u8],
    dim: usize,
    x: &[[f32; GROUP]],
    _ahead: usize,
    out: &mut [&mut [f32]],
) {
    let group = |words: [u16; GROUP], x: &[[f32; GROUP]], lanes: &mut [[f32; 32]]| {
        let values = words.map(|word| dtype.to_f32(word));
        for (x, lane) in x.iter().zip(lanes) {
            for (i, (value, x)) in values.iter().zip(x).enumerate() {
                lane[i % 32] = value.mul_add(*x, lane[i % 32]);
            }
        }
    };
    rows(words, dim, x, out, group, sum);
}

/// Asks for nothing ahead.
pub(super) fn pair_rows(words: &[u8], dim: usize, x: &[[u16; GROUP]], _ahead: usize, out: &mut [&mut [f32]]) {
    let group = |words: [u16; GROUP], x: &[[u16; GROUP]], lanes: &mut [[f32; 32]]| {
        let values = words.map(value);
        for (x, lane) in x.iter().zip(lanes) {
            for (l, lane) in lane.iter_mut().enumerate() {
                for i in [2 * l + 1, 2 * l] {
                    *lane = multiply_add(values[i], value(x[i]), *lane);
                }
            }
        }
    };
    rows(words, dim, x, out, group, sum_pairs);
}
