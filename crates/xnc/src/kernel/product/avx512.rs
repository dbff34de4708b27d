//! AVX-512: the unpacking loop with the plain product's step at its end, two rows at a time.

use std::arch::x86_64::*;

use super::super::dot::{
    load_bf16, pair_step, step_avx512 as step, sum_avx512 as sum, sum_pairs_avx512 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::avx512::{Unpack, table};
use super::seen::{Seen, View};
use super::{AHEAD, Exception, Rows, respell};

/// What the desk holds of a group: one pointer finds all.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Place<X> {
    x: [X; GROUP],
    bias: [u16; GROUP],
    /// The words of two rows that get the spare code: none between rows.
    spare: [u64; 2],
}

/// Activations and biases, group by group.
#[derive(Clone)]
pub(super) struct Desk<X> {
    places: Vec<Place<X>>,
}

impl<X: Copy> Desk<X> {
    /// `x` as [`super::super::dot`] takes it.
    pub(super) fn new(x: &[X], bias: &[u16]) -> Self {
        let groups = x.as_chunks().0.iter().zip(bias.as_chunks().0);
        Desk { places: groups.map(|(&x, &bias)| Place { x, bias, spare: [0; 2] }).collect() }
    }
}

/// The lanes of two rows; `step` takes the words of a group to a row's. Where the streams of one row stand is a chain of dependent steps
/// longer than the rest of a group takes; two rows at a time fill it.
///
/// # Safety
/// Each of the rows seen has a record for every place.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
unsafe fn two<X: Copy>(
    unpack: &Unpack,
    mut seen: [Seen; 2],
    tables: &[[u8; 16]; 2],
    places: &[Place<X>],
    step: impl Fn([__m512i; 2], &[X; GROUP], [__m512; 2]) -> [__m512; 2],
) -> [[__m512; 2]; 2] {
    let upper = [table(&tables[0]), table(&tables[1])];
    let mut lanes = [[_mm512_setzero_ps(); 2]; 2];
    for (group, place) in places.iter().enumerate() {
        let bias = [load_bf16(&place.bias, 0), load_bf16(&place.bias, 32)];
        for r in 0..2 {
            // SAFETY: as the caller promises, and one call a record.
            let (record, [p0, p1, p2]) = unsafe {
                let record = &*seen[r].records.add(group);
                (record, seen[r].bits.planes(record))
            };
            for line in [0, 64] {
                _mm_prefetch::<_MM_HINT_T0>(record.as_ptr().cast::<i8>().wrapping_add(AHEAD + line));
            }
            let [a, b] = unpack.words(record, [p0, p1 | place.spare[r], p2], upper[r]);
            let words = [_mm512_add_epi16(a, bias[0]), _mm512_add_epi16(b, bias[1])];
            lanes[r] = step(words, &place.x, lanes[r]);
        }
    }
    lanes
}

/// Two rows at a time; the last of an odd number beside itself. What rows need is read two early: escapes of some are counted while others
/// are multiplied.
macro_rules! rows {
    ($shape:ident, $upper:ident, $rows:ident, $listed:ident, $desk:ident, $out:ident, $step:expr, $sum:ident) => {{
        let (view, count) = (View::new($shape, $rows), $out.len());
        assert!($desk.places.len() == $shape.groups() && $rows.at.len() == count + 1);
        let places = &mut $desk.places[..];
        let unpack = Unpack::new();
        let mut tables = [*$upper; 2];
        let mut listed: [&[Exception]; 2] = [&[]; 2];
        let Some(last) = count.checked_sub(1) else { return };
        let mut next = [view.see(0), view.see(1.min(last))];
        for (out, i) in $out.chunks_mut(2).zip((0..).step_by(2)) {
            let seen = next;
            if i + 2 < count {
                next = [view.see(i + 2), view.see((i + 3).min(last))];
            }
            for r in 0..out.len() {
                if view.lists(i + r) {
                    (listed[r], tables[r]) = ($listed(i + r), *$upper);
                    respell(listed[r], &mut tables[r], |group, bit| places[group].spare[r] |= bit);
                }
            }
            // SAFETY: a row seen has as many records as there are places.
            let lanes = unsafe { two(&unpack, seen, &tables, places, $step) };
            out.iter_mut().zip(lanes).for_each(|(out, lanes)| *out = $sum(lanes));
            for r in 0..2 {
                respell(std::mem::take(&mut listed[r]), &mut tables[r], |group, _| {
                    places[group].spare[r] = 0
                });
            }
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
