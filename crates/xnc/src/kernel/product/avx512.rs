//! AVX-512: the unpacking loop with the plain product's step at its end.

use std::arch::x86_64::*;

use super::super::dot::{
    load_bf16, pair_step, step_avx512 as step, sum_avx512 as sum, sum_pairs_avx512 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::ahead;
use super::super::unpack::avx512::Unpack;

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows_f32(
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    let unpack = Unpack::new(shape, upper);
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        if row[0] != 0 {
            continue;
        }
        let mut lane = [_mm512_setzero_ps(); 2];
        unpack.groups(row, x.iter(), |x: &[f32; GROUP], words: [__m512i; 2]| {
            lane = step(words[0], x, 0, lane);
            lane = step(words[1], x, 32, lane);
        });
        *out = sum(lane);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16,bmi1,bmi2,popcnt")]
pub(super) fn rows_bf16(
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[u16],
    out: &mut [f32],
) {
    let unpack = Unpack::new(shape, upper);
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        if row[0] != 0 {
            continue;
        }
        let mut lane = [_mm512_setzero_ps(); 2];
        unpack.groups(row, x.iter(), |x: &[u16; GROUP], words: [__m512i; 2]| {
            lane[0] = pair_step(words[0], load_bf16(x, 0), lane[0]);
            lane[1] = pair_step(words[1], load_bf16(x, 32), lane[1]);
        });
        *out = sum_pairs(lane);
    }
}
