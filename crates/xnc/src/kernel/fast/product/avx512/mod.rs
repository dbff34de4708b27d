//! AVX-512: two rows at a time, tiers in general registers and a whole group in one vector register after
//! that.

mod two;

use std::arch::x86_64::*;
use std::ops::RangeInclusive;

use super::seen::View;
use super::{Listed, Rows};
use crate::dtype::Dtype;
use crate::kernel::fast::row::{GROUP, RowShape, SPARE};
use crate::kernel::fast::unpack::avx512::{Unpack, table};
use crate::kernel::{Aligned, Backend, dot};
pub(super) use two::Scaled;
use two::{Activation, Two};

/// What the desk holds of a group: one pointer finds all.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Place<X> {
    x: [X; GROUP],
    bias: [u16; GROUP],
    /// The words of two rows that get the spare code: none between rows.
    spare: [u64; 2],
    /// 1 in the last place, where the loop ends, else 0.
    last: u64,
}

/// Activations and biases, group by group.
#[derive(Clone)]
pub(super) struct Desk<X> {
    places: Vec<Place<X>>,
}

impl<X: Copy> Desk<X> {
    /// `x` as [`crate::kernel::dot`] takes it.
    fn new(x: &[X], bias: &[u16]) -> Self {
        let groups = x.as_chunks().0.iter().zip(bias.as_chunks().0);
        let place = |(&x, &bias)| Place { x, bias, spare: [0; 2], last: 0 };
        let mut places: Vec<_> = groups.map(place).collect();
        places.iter_mut().next_back().into_iter().for_each(|place| place.last = 1);
        Desk { places }
    }
}

impl Desk<f32> {
    pub(super) fn f32(backend: Backend, x: &[f32], bias: &[u16]) -> Self {
        Desk::new(&arranged(backend, x), bias)
    }
}

impl Desk<Scaled> {
    /// `x` was multiplied with the biases.
    pub(super) fn scaled(backend: Backend, x: &[f32]) -> Self {
        let arranged = arranged(backend, x);
        let scaled: Vec<_> = arranged.iter().copied().map(Scaled).collect();
        Desk::new(&scaled, &vec![0; x.len()])
    }
}

impl Desk<u16> {
    /// `x` was multiplied with the biases, and is a whole number of groups.
    pub(super) fn bf16(x: &[u16]) -> Self {
        Desk::new(x, &vec![0; x.len()])
    }
}

fn arranged(backend: Backend, x: &[f32]) -> Aligned<f32> {
    let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
    dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
    arranged
}

/// Where the spare code stands in a [`table`], without sign.
const SPARE_CODE: u64 = 0x0001_0001_0001_0001 << SPARE;

/// Two rows at a time; the last of an odd number beside itself.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,popcnt")]
pub(super) fn rows<'a, X: Activation>(
    shape: RowShape,
    upper: &[u8; 16],
    exact: RangeInclusive<u8>,
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> Listed<'a>,
    desk: &mut Desk<X>,
    out: &mut [f32],
) {
    let view = View::new(shape, exact, rows);
    let places = &mut desk.places[..];
    assert!(places.len() == shape.groups() && rows.at.len() == out.len() + 1);
    let (unpack, upper_table) = (Unpack::new(), table(upper));
    for i in (0..out.len()).step_by(2) {
        let pair = [i, (i + 1).min(out.len() - 1)];
        let ones = pair.map(|row| view.one(row));
        let mut tables = [upper_table; 2];
        let mut lists = [Listed::default(); 2];
        for (r, one) in ones.iter().enumerate() {
            let codes = SPARE_CODE | SPARE_CODE << 8;
            tables[r] = _mm512_mask_set1_epi8(upper_table, codes, one.upper.cast_signed());
            places[one.group].spare[r] = one.bit;
        }
        let usual = ones[0].more | ones[1].more == 0;
        if !usual {
            for (r, &row) in pair.iter().enumerate() {
                places[ones[r].group].spare[r] = 0;
                lists[r] = listed(row);
                lists[r].each(|group, bit| places[group].spare[r] |= bit);
                tables[r] = _mm512_broadcast_i32x4(lists[r].table(upper));
            }
        }
        let seen = [view.see(pair[0]), view.see(pair[1])];
        // SAFETY: a row seen has as many records as there are places, and these bits.
        let sums = unsafe { Two { seen, tables, places, ahead: view.ahead(i) }.sums(&unpack) };
        (out[pair[0]], out[pair[1]]) = sums.into();
        for (r, one) in ones.iter().enumerate() {
            places[one.group].spare[r] = 0;
        }
        if !usual {
            for (r, list) in lists.iter().enumerate() {
                list.each(|group, _| places[group].spare[r] = 0);
            }
        }
    }
}
