//! AVX-512: the unpacking loop with the plain product's step at its end.

use std::arch::x86_64::*;

use super::super::dot::{
    load_bf16, pair_step, step_avx512 as step, sum_avx512 as sum, sum_pairs_avx512 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::avx512::Unpack;
use super::{Exception, Rows, column, patch};

/// The words of a group with its exceptions in place. Inlined, so that the loop around it keeps its registers.
#[inline(always)]
fn patched(words: [__m512i; 2], group: usize, listed: &mut &[Exception]) -> [__m512i; 2] {
    // SAFETY: two registers of 32 words are 64 words.
    let mut words: [u16; GROUP] = unsafe { std::mem::transmute(words) };
    patch(&mut words, group, listed);
    // SAFETY: as above.
    unsafe { std::mem::transmute(words) }
}

/// The group of the next exception; past all groups if there is none.
#[inline(always)]
fn next(listed: &[Exception]) -> usize {
    listed.first().map_or(usize::MAX, |first| column(first) / GROUP)
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows_f32<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    x: &[f32],
    out: &mut [f32],
) {
    let unpack = Unpack::new(shape, upper);
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        let mut listed = listed(i);
        let mut strange = next(listed);
        let mut lane = [_mm512_setzero_ps(); 2];
        let sink = |(group, x): (usize, &[f32; GROUP]), mut words: [__m512i; 2]| {
            if group == strange {
                words = patched(words, group, &mut listed);
                strange = next(listed);
            }
            lane = step(words[0], x, 0, lane);
            lane = step(words[1], x, 32, lane);
        };
        unpack.groups(&rows.payload[rows.at[i]..], x.iter().enumerate(), sink);
        *out = sum(lane);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16,bmi1,bmi2,popcnt")]
pub(super) fn rows_bf16<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    x: &[u16],
    out: &mut [f32],
) {
    let unpack = Unpack::new(shape, upper);
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        let mut listed = listed(i);
        let mut strange = next(listed);
        let mut lane = [_mm512_setzero_ps(); 2];
        let sink = |(group, x): (usize, &[u16; GROUP]), mut words: [__m512i; 2]| {
            if group == strange {
                words = patched(words, group, &mut listed);
                strange = next(listed);
            }
            lane[0] = pair_step(words[0], load_bf16(x, 0), lane[0]);
            lane[1] = pair_step(words[1], load_bf16(x, 32), lane[1]);
        };
        unpack.groups(&rows.payload[rows.at[i]..], x.iter().enumerate(), sink);
        *out = sum_pairs(lane);
    }
}
