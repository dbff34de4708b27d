//! AVX-512: the unpacking loop with the plain product's step at its end, two rows at a time.

use std::arch::x86_64::*;

use super::super::dot::{
    load_bf16, pair_step, step_avx512 as step, sum_avx512 as sum, sum_pairs_avx512 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::avx512::{Unpack, table};
use super::super::{Aligned, prefetch};
use super::{AHEAD, Exception, Rows, respell};

/// Activations, biases, and for each group the words of two rows that get the spare code: none between rows.
#[derive(Clone)]
pub(super) struct Desk<X: Copy> {
    x: Aligned<X>,
    bias: Aligned<u16>,
    spare: Vec<[u64; 2]>,
}

impl<X: Copy> Desk<X> {
    /// `x` as [`super::super::dot`] takes it.
    pub(super) fn new(x: Aligned<X>, of: &[u16]) -> Self {
        let spare = vec![[0; 2]; x.len() / GROUP];
        let mut bias = Aligned::new(x.len(), 0);
        bias[..of.len()].copy_from_slice(of);
        Desk { x, bias, spare }
    }
}

/// The sums of `N` rows from `first` on. `step` takes the words of a group to a row's lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
fn some<'a, const N: usize, X: Copy>(
    unpack: &Unpack,
    upper: &[u8; 16],
    rows: Rows<'a>,
    first: usize,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    desk: &mut Desk<X>,
    step: impl Fn([__m512i; 2], &[X; GROUP], [__m512; 2]) -> [__m512; 2],
) -> [[__m512; 2]; N] {
    let listed: [_; N] = std::array::from_fn(|r| listed(first + r));
    let mut tables = [*upper; N];
    for (r, (listed, upper)) in listed.iter().zip(&mut tables).enumerate() {
        let begin = rows.at[first + r] + AHEAD;
        prefetch(rows.payload.get(begin..begin + unpack.bytes()).unwrap_or_default());
        respell(listed, upper, |group, bit| desk.spare[group][r] |= bit);
    }
    let mut lanes = [[_mm512_setzero_ps(); 2]; N];
    unpack.groups(
        std::array::from_fn(|r| &rows.payload[rows.at[first + r]..]),
        std::array::from_fn(|r| table(&tables[r])),
        desk.x.as_chunks::<GROUP>().0.iter().zip(desk.bias.as_chunks::<GROUP>().0).zip(&desk.spare),
        |(_, spare), r| spare[r],
        |((x, bias), _), words: [[_; 2]; N]| {
            let bias = [load_bf16(bias, 0), load_bf16(bias, 32)];
            for (lanes, [a, b]) in lanes.iter_mut().zip(words) {
                *lanes = step([_mm512_add_epi16(a, bias[0]), _mm512_add_epi16(b, bias[1])], x, *lanes);
            }
        },
    );
    for (listed, upper) in listed.iter().zip(&mut tables) {
        respell(listed, upper, |group, _| desk.spare[group] = [0; 2]);
    }
    lanes
}

/// Two rows at a time, the last of an odd number alone.
macro_rules! rows {
    ($shape:ident, $upper:ident, $rows:ident, $listed:ident, $desk:ident, $out:ident, $step:expr, $sum:ident) => {{
        let unpack = Unpack::new($shape);
        let (two, one) = $out.as_chunks_mut::<2>();
        for (i, out) in two.iter_mut().enumerate() {
            let lanes: [_; 2] = some(&unpack, $upper, $rows, 2 * i, &mut $listed, $desk, $step);
            *out = [$sum(lanes[0]), $sum(lanes[1])];
        }
        for out in one {
            let [lanes] = some(&unpack, $upper, $rows, 2 * two.len(), &mut $listed, $desk, $step);
            *out = $sum(lanes);
        }
    }};
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows_f32<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    desk: &mut Desk<f32>,
    out: &mut [f32],
) {
    let step = |words: [_; 2], x: &[f32; GROUP], lanes| step(words[1], x, 32, step(words[0], x, 0, lanes));
    rows!(shape, upper, rows, listed, desk, out, step, sum);
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16,bmi1,bmi2,popcnt")]
pub(super) fn rows_bf16<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    desk: &mut Desk<u16>,
    out: &mut [f32],
) {
    let step = |words: [_; 2], x: &[u16; GROUP], [a, b]: [_; 2]| {
        [pair_step(words[0], load_bf16(x, 0), a), pair_step(words[1], load_bf16(x, 32), b)]
    };
    rows!(shape, upper, rows, listed, desk, out, step, sum_pairs);
}
