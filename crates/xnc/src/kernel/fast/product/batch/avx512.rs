//! AVX-512, two rows at a time: their words go to the nearest cache, where products of plain rows take them.
//!
//! A group is unpacked while the group before it is multiplied. Without that order the additions of a group, which
//! wait for its words, fill the places where the processor would begin to unpack the next one (Zen 5). Words that
//! stayed in registers meanwhile would drive lanes out of theirs.
#![allow(clippy::needless_range_loop)] // plain loops over constants unroll, and lanes stay in registers

use std::arch::x86_64::*;

use super::super::{Table, tail_words};
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::dot::batch::MOST;
use crate::kernel::dot::batch::avx512::{
    ROWS, bf16_step, bf16_through, by_vectors, f16_step, f16_through, pair_through, pairs_step, sums,
    sums_in_order, sums_of_pairs,
};
use crate::kernel::dot::padded;
use crate::kernel::fast::rooms::{Caller, PairLists, Rooms};
use crate::kernel::fast::row::{GROUP, Row, RowShape};
use crate::kernel::fast::unpack::avx512::{Uppers, words};
use crate::kernel::{Aligned, bytes_of};

/// Activations, rooms for rows, and the words of two rows, filled to whole groups.
#[derive(Clone)]
pub(super) struct Desk<T: Copy, const F16: bool> {
    x: Aligned<T>,
    rooms: Rooms,
    words: Aligned<u16>,
}

impl<T: Copy, const F16: bool> Desk<T, F16> {
    pub(super) fn new(shape: RowShape, x: Aligned<T>) -> Self {
        Desk { x, rooms: Rooms::new(shape.dim), words: Aligned::new(ROWS * padded(shape.dim), 0) }
    }
}

/// Two rows on their way: the next group of each.
struct Turn<const F16: bool> {
    shape: RowShape,
    uppers: Uppers,
    phase: __m512i,
    bias: *const u8,
    records: [*const u8; ROWS],
    rooms: [*mut u8; ROWS],
    lines: Lines,
}

impl<const F16: bool> Turn<F16> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn new(table: &Table, payload: &[u8], rows: [Row; ROWS], rooms: [*mut u8; ROWS]) -> Self {
        Turn {
            shape: table.shape,
            uppers: Uppers::new(table.ranked),
            phase: _mm512_set1_epi16(table.phase.cast_signed()),
            bias: table.bias.as_ptr(),
            records: [0, 1].map(|r| payload.as_ptr().wrapping_add(rows[r].groups())),
            rooms,
            lines: Lines::from(Plan::of_machine(), payload, rows[0].at),
        }
    }

    /// Writes the words of the next group of each row, and leaves its rooms zero.
    ///
    /// # Safety
    /// Rows have a group more, inside their payload; rooms and biases are as long as rows.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    unsafe fn next(&mut self, to: [*mut Group; ROWS]) {
        // Groups of two rows take three lines, four with kept bits.
        self.lines.ask::<3>();
        if F16 {
            self.lines.ask::<1>();
        }
        // SAFETY: as the caller promises.
        unsafe {
            let bias = _mm512_load_si512(self.bias.cast());
            for r in 0..ROWS {
                let listed = _mm512_load_si512(self.rooms[r].cast());
                _mm512_store_si512(self.rooms[r].cast(), _mm512_setzero_si512());
                let upper = _mm512_add_epi8(self.uppers.of::<F16>(self.records[r]), bias);
                let lower = self.records[r].add(self.shape.lower());
                let words = words(_mm512_add_epi8(upper, listed), lower);
                for half in 0..2 {
                    let words = _mm512_sub_epi16(words[half], self.phase);
                    _mm512_store_si512(to[r].cast::<__m512i>().add(half), words);
                }
                self.records[r] = self.records[r].add(self.shape.record());
                self.rooms[r] = self.rooms[r].add(GROUP);
            }
            self.bias = self.bias.add(GROUP);
        }
    }
}

/// A group of words, as loops over plain rows take it.
type Group = [u8; 2 * GROUP];

/// Defines the passes over rows for one type of words and activations: `$step` multiplies groups as they are
/// unpacked, `$through` rows of words.
macro_rules! passes {
    ($x:ty, $f16:literal, $features:literal, $step:ident, $sums:ident, $through:ident) => {
        impl Desk<$x, $f16> {
            /// # Safety
            /// The machine has the instructions; rows lie inside the payload, with their guard, and are of this
            /// type of words; `out` has a slice as long as `rows` for each vector.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn rows(
                &mut self,
                table: &Table,
                payload: &[u8],
                rows: &[Row],
                out: &mut [&mut [f32]],
            ) {
                // SAFETY: as the caller promises.
                unsafe { by_vectors!(out.len(), [self.pass](table, payload, rows, out)) }
            }

            /// `A` vectors with what is unpacked, then `B` more.
            #[target_feature(enable = $features)]
            unsafe fn pass<const A: usize, const B: usize>(
                &mut self,
                table: &Table,
                payload: &[u8],
                rows: &[Row],
                out: &mut [&mut [f32]],
            ) {
                struct Pass<const A: usize, const B: usize>;
                impl<const A: usize, const B: usize> Caller for Pass<A, B> {
                    const ONE_TURN: bool = false;
                }
                let Some(last) = rows.len().checked_sub(1) else { return };
                let mut lists = PairLists::new(table.symbols());
                let (places, x) = (self.rooms.places(), self.x.as_chunks().0);
                let (out_a, out_b) = out.split_at_mut(A);
                for i in (0..rows.len() + PairLists::EARLY).step_by(2) {
                    // SAFETY: as the caller promises.
                    let ready = unsafe { lists.advance::<Pass<A, B>>(payload, rows, i, places) };
                    let Some((i, pair)) = ready else { continue };
                    let (at, rooms) = ([i, (i + 1).min(last)], [places.of(i), places.of(i + 1)]);
                    let words = &mut self.words;
                    // SAFETY: as the caller promises.
                    let sums = unsafe { Self::first::<A, B>(table, payload, pair, rooms, x, words) };
                    put::<A>(sums, at, out_a);
                    if B > 0 {
                        let groups: &[Group] = bytes_of(&self.words).as_chunks().0;
                        let (one, two) = groups.split_at(groups.len() / 2);
                        put::<B>(
                            $through::<B, ROWS>([one, two], &[[0; 2 * GROUP]; 2], x, [A, A + B], 0),
                            at,
                            out_b,
                        );
                    }
                }
            }

            /// Writes the words of two rows, and gives their sums with the first `A` vectors of `A + B`, row by
            /// row.
            ///
            /// # Safety
            /// Rows lie inside the payload, with their guard; rooms are theirs.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn first<const A: usize, const B: usize>(
                table: &Table,
                payload: &[u8],
                rows: [Row; ROWS],
                rooms: [*mut u8; ROWS],
                x: &[[$x; GROUP]],
                out: &mut [u16],
            ) -> [f32; MOST] {
                let (shape, padded) = (table.shape, padded(table.shape.dim));
                assert!(out.len() == ROWS * padded && x.len() * GROUP == (A + B) * padded);
                if shape.tail() > 0 {
                    for r in 0..ROWS {
                        // SAFETY: as the caller promises; the rest of a row is less than a group.
                        let tail = unsafe { tail_words(table, payload, rows[r], rooms[r].add(shape.full())) };
                        out[r * padded + shape.full()..][..GROUP].copy_from_slice(&tail);
                    }
                }
                let mut turn = Turn::<$f16>::new(table, payload, rows, rooms);
                let mut lanes = [[[_mm512_setzero_ps(); 2]; A]; ROWS];
                let mut words: [*mut Group; ROWS] =
                    [out.as_mut_ptr().cast(), out.as_mut_ptr().wrapping_add(padded).cast()];
                // SAFETY: a row has a group, one at least, and `out` has room for all.
                unsafe { turn.next(words) };
                for (g, x) in x.chunks_exact(A + B).enumerate() {
                    let next = [words[0].wrapping_add(1), words[1].wrapping_add(1)];
                    if g + 1 < shape.groups() {
                        // SAFETY: as above.
                        unsafe { turn.next(next) };
                    }
                    // SAFETY: these groups have been written.
                    let group = unsafe { [&*words[0], &*words[1]] };
                    lanes = $step::<A, ROWS>(group, x.first_chunk().expect("these vectors"), lanes);
                    words = next;
                }
                $sums(lanes)
            }
        }
    };
}

passes!(f32, false, "avx2,avx512f,avx512bw,avx512vbmi", bf16_step, sums, bf16_through);
passes!(f32, true, "avx2,avx512f,avx512bw,avx512vbmi", f16_step, sums_in_order, f16_through);
passes!(u16, false, "avx2,avx512f,avx512bw,avx512vbmi,avx512bf16", pairs_step, sums_of_pairs, pair_through);

/// Puts the sums of two rows, row by row, into their places of the `V` vectors of `out`.
#[inline]
fn put<const V: usize>(sums: [f32; MOST], at: [usize; ROWS], out: &mut [&mut [f32]]) {
    for (v, out) in out.iter_mut().enumerate() {
        for r in 0..ROWS {
            out[at[r]] = sums[r * V + v];
        }
    }
}
