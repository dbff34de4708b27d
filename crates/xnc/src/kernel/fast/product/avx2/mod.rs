//! AVX2: the tiers of one row beside the words and sums of the row before.
//!
//! Tiers are a chain of dependent steps in general registers, words are many independent ones in vector
//! registers. Were both of the same group, the machine's queues would fill with vector instructions that wait
//! for tiers; a row apart, neither waits.

mod turn;

use std::arch::x86_64::*;
use std::ops::RangeInclusive;

use super::seen::{Seen, View};
use super::{Listed, Rows};
use crate::dtype::Dtype;
use crate::kernel::backend::Isa;
use crate::kernel::dot::sum_avx2 as sum;
use crate::kernel::fast::row::{GROUP, RowShape};
use crate::kernel::fast::unpack::avx2::Unpack;
use crate::kernel::{Aligned, Backend, dot};
use turn::Turn;

/// What the desk holds of a group: the activations as pairs of floats, then room for three planes, then
/// biases by four.
const PLACE: usize = BIAS + GROUP / 4;
const PLANES: usize = GROUP / 2;
const BIAS: usize = PLANES + 4;

/// Rows whose lanes are added together: each sum waits for itself alone.
const BATCH: usize = 16;

/// Activations, with the code planes of the next row's groups and the biases beside them: one pointer finds
/// all.
#[derive(Clone)]
pub(super) struct Desk {
    places: Aligned<u64>,
    pairs: bool,
}

impl Desk {
    /// For F32 activations.
    pub(super) fn f32(x: &[f32], bias: &[u16]) -> Self {
        Desk::new(&arranged(x), bias, false)
    }

    /// For BF16 activations that were multiplied with their biases, in sums as `vdpbf16ps` makes them.
    pub(super) fn bf16(x: &[u16]) -> Self {
        let wide: Vec<f32> = x.iter().map(|&x| Dtype::Bf16.to_f32(x)).collect();
        Desk::new(&arranged(&wide), &vec![0; x.len()], true)
    }

    fn new(x: &[f32], bias: &[u16], pairs: bool) -> Self {
        let mut places = Aligned::new(x.len() / GROUP * PLACE, 0);
        for (place, x) in places.chunks_exact_mut(PLACE).zip(x.chunks_exact(GROUP)) {
            for (slot, &[low, high]) in place.iter_mut().zip(x.as_chunks().0) {
                *slot = u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32;
            }
        }
        for (place, bias) in places.chunks_exact_mut(PLACE).zip(bias.chunks_exact(GROUP)) {
            for (slot, bias) in place[BIAS..].iter_mut().zip(bias.as_chunks::<4>().0) {
                *slot = bias.iter().rev().fold(0, |slot, &bias| slot << 16 | u64::from(bias));
            }
        }
        Desk { places, pairs }
    }
}

/// In the order that this loop takes, whatever the backend.
fn arranged(x: &[f32]) -> Aligned<f32> {
    let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
    dot::arrange(Backend(Isa::Avx2), Dtype::Bf16, x, &mut arranged);
    arranged
}

/// The least upper byte, without sign, of words that these BF16 activations may be multiplied with.
///
/// The loop keeps subnormals, so none may arise: all products and sums are multiples of the product of the
/// lowest bits of a word and an activation, whose exponent is theirs less seven each.
pub(super) fn least_upper(x: &[u16]) -> u8 {
    let lowest = x.iter().filter(|&&x| x & 0x7fff != 0).map(|&x| Dtype::Bf16.exponent(x)).min();
    let word = lowest.map_or(0, |x| (2 * (127 + 7) - 126 - i32::from(x)).max(0));
    u8::try_from((word + 1) / 2).unwrap_or(u8::MAX)
}

#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
pub(super) fn rows<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    exact: RangeInclusive<u8>,
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> Listed<'a>,
    desk: &mut Desk,
    out: &mut [f32],
) {
    let (groups, count) = (shape.groups(), out.len());
    let view = View::new(shape, exact, rows);
    assert!(desk.places.len() == groups * PLACE && rows.at.len() == count + 1);
    if count == 0 {
        return;
    }
    let pairs = desk.pairs;
    let unpack = Unpack::new(upper);
    let places = desk.places.as_chunks_mut::<PLACE>().0;
    // Once a row's planes are on the desk.
    let mut spare = |i: usize, places: &mut [[u64; PLACE]], table: &mut [u8; 16]| {
        let one = view.one(i);
        let table_of = if one.more == 0 {
            places[one.group][PLANES + 1] |= one.bit;
            Listed { upper: [one.upper; 2], ..Listed::default() }
        } else {
            let listed = listed(i);
            listed.each(|group, bit| places[group][PLANES + 1] |= bit);
            listed
        };
        // SAFETY: sixteen bytes.
        unsafe { _mm_storeu_si128(table.as_mut_ptr().cast(), table_of.table(upper)) };
    };
    // The tiers of the first row, before the loop.
    let Seen { records: mut row, mut bits } = view.see(0);
    for (group, place) in places.iter_mut().enumerate() {
        // SAFETY: one call a record of this row.
        let planes = unsafe { bits.planes(&*row.add(group)) };
        place[PLANES..][..3].copy_from_slice(&planes);
    }
    let mut table = *upper;
    spare(0, places, &mut table);
    let mut next = view.see(1.min(count - 1));
    let mut lanes = [[_mm256_setzero_ps(); 4]; BATCH];
    for (batch, out) in out.chunks_mut(BATCH).enumerate() {
        for (j, lanes) in lanes[..out.len()].iter_mut().enumerate() {
            // Two rows early: its bits are counted while others are multiplied. After the last row that one's
            // own tiers are read once more: no special case, and nobody uses them.
            let i = batch * BATCH + j;
            let after = if i + 2 < count { view.see(i + 2) } else { next };
            let turn = Turn {
                records: [row, next.records],
                bits: next.bits,
                places: places.as_mut_ptr(),
                groups,
                upper: &raw const table,
                lanes,
            };
            // SAFETY: a row seen has as many records as there are places, and these bits; `places` and
            // `lanes` are ours alone.
            unsafe { if pairs { turn.pairs(&unpack) } else { turn.f32(&unpack) } }
            if i + 1 < count {
                spare(i + 1, places, &mut table);
            }
            (row, next) = (next.records, after);
        }
        for (lanes, out) in lanes.iter().zip(out) {
            *out = sum(*lanes);
        }
    }
}
