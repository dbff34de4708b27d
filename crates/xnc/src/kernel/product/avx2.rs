//! AVX2: the unpacking loop with the plain product's step at its end.

use std::arch::x86_64::*;

use super::super::dot::{
    pair_step_avx2 as pair_step, step_avx2 as step, sum_avx2 as sum, sum_pairs_avx2 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::ahead;
use super::super::unpack::avx2::Unpack;

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
fn row_f32(shape: RowShape, upper: &[u8; 16], row: &[u8], x: &[[f32; GROUP]]) -> f32 {
    let [mut a, mut b] = [[_mm256_setzero_ps(); 2]; 2];
    let sink = |x: &[f32; GROUP], words: [__m256i; 4]| {
        a = step(words[0], x, 0, a);
        b = step(words[1], x, 16, b);
        a = step(words[2], x, 32, a);
        b = step(words[3], x, 48, b);
    };
    Unpack::new(shape, upper).groups::<_, false, 80>(row, x.iter(), sink);
    sum([a[0], a[1], b[0], b[1]])
}

#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
pub(super) fn rows_f32(
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        if row[0] == 0 {
            *out = row_f32(shape, upper, row, x);
        }
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
fn row_pairs(shape: RowShape, upper: &[u8; 16], row: &[u8], x: &[[f32; GROUP]]) -> f32 {
    let [mut a, mut b, mut c, mut d] = [_mm256_setzero_ps(); 4];
    let sink = |x: &[f32; GROUP], words: [__m256i; 4]| {
        a = pair_step(words[0], x, 0, a);
        b = pair_step(words[1], x, 16, b);
        c = pair_step(words[2], x, 32, c);
        d = pair_step(words[3], x, 48, d);
    };
    Unpack::new(shape, upper).groups::<_, false, 80>(row, x.iter(), sink);
    sum_pairs([a, b, c, d])
}

#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
pub(super) fn rows_pairs(
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        if row[0] == 0 {
            *out = row_pairs(shape, upper, row, x);
        }
    }
}
