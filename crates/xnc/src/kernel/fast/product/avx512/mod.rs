//! AVX-512, two rows in flight: activations are loaded once for both.

mod turn;

use std::arch::x86_64::*;

use super::{LOWER, Table, tail_words};
use crate::kernel::Aligned;
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::dot::{sum_avx512 as sum_f32, sum_pairs_avx512 as sum_bf16};
use crate::kernel::fast::rooms::{Caller, PairLists, Rooms, turns};
use crate::kernel::fast::row::Row;
use turn::{Constants, Turn};

/// Activations, and rooms for rows.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    x: Aligned<T>,
    rooms: Rooms,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(table: &Table, x: Aligned<T>) -> Self {
        Desk { x, rooms: Rooms::new(table.shape.dim) }
    }
}

/// Defines the passes over rows for one type of activations: `$turn` goes through whole groups, `$load` takes
/// activations of a group, `$step` multiplies.
macro_rules! passes {
    ($x:ty, $features:literal, $turn:ident, $load:ident, $step:ident, $sum:ident) => {
        impl Desk<$x> {
            /// # Safety
            /// The machine has the instructions; rows lie inside the payload, with their guard.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn rows(
                &mut self,
                table: &Table,
                payload: &[u8],
                rows: &[Row],
                out: &mut [f32],
            ) {
                // SAFETY: as the caller promises.
                unsafe {
                    match turns(table.symbols()) {
                        1 => self.pass::<true>(table, payload, rows, out),
                        _ => self.pass::<false>(table, payload, rows, out),
                    }
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn pass<const ONE_TURN: bool>(
                &mut self,
                table: &Table,
                payload: &[u8],
                rows: &[Row],
                out: &mut [f32],
            ) {
                struct Pass<const ONE_TURN: bool>;
                impl<const ONE_TURN: bool> Caller for Pass<ONE_TURN> {
                    const ONE_TURN: bool = ONE_TURN;
                }
                assert!(self.x.len() == table.bias.len() && self.x.len() >= table.shape.dim);
                assert!(rows.len() == out.len() && table.shape.groups() > 0);
                let (constants, mut lists) = (Constants::new(table), PairLists::new(table.symbols()));
                let (places, plan) = (self.rooms.places(), Plan::of_machine());
                for i in (0..rows.len() + PairLists::EARLY).step_by(2) {
                    // SAFETY: as the caller promises.
                    let ready = unsafe { lists.advance::<Pass<ONE_TURN>>(payload, rows, i, places) };
                    let Some((i, [a, b])) = ready else { continue };
                    let mut turn = Turn {
                        lanes: [[_mm512_setzero_ps(); 2]; 2],
                        records: [a, b].map(|row| payload.as_ptr().wrapping_add(row.groups())),
                        rooms: [places.of(i), places.of(i + 1)],
                        lines: Lines::from(plan, payload, a.at),
                    };
                    // SAFETY: groups lie inside the payload; rooms, biases and activations are filled to whole ones.
                    unsafe { turn.$turn(&constants, table, self.x.as_ptr()) };
                    if table.shape.tail() > 0 {
                        let full = table.shape.full();
                        for (r, row) in [a, b].into_iter().enumerate() {
                            // SAFETY: as above; the rest of a row is less than a group.
                            unsafe {
                                let words = tail_words(table, payload, row, turn.rooms[r].add(full));
                                let words =
                                    [0, 32].map(|at| _mm512_loadu_si512(words.as_ptr().add(at).cast()));
                                turn.lanes[r] = $step(words, $load(self.x.as_ptr().add(full)), turn.lanes[r]);
                            }
                        }
                    }
                    out[i] = $sum(turn.lanes[0]);
                    if let Some(out) = out.get_mut(i + 1) {
                        *out = $sum(turn.lanes[1]);
                    }
                }
            }
        }
    };
}

passes!(f32, "avx2,avx512f,avx512bw,avx512vbmi", f32, load_f32, step_f32, sum_f32);
passes!(u16, "avx2,avx512f,avx512bw,avx512vbmi,avx512bf16", bf16, load_bf16, step_bf16, sum_bf16);

/// The activations of a group: of even words, of odd ones, and the same of its second half.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_f32(x: *const f32) -> [__m512; 4] {
    // SAFETY: the caller has 64 of them.
    [0, 16, 32, 48].map(|at| unsafe { _mm512_load_ps(x.add(at)) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn step_f32(words: [__m512i; 2], x: [__m512; 4], mut lanes: [__m512; 2]) -> [__m512; 2] {
    let odd = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    for (words, x) in words.into_iter().zip(x.as_chunks::<2>().0) {
        let even = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words));
        lanes[0] = _mm512_fmadd_ps(even, x[0], lanes[0]);
        lanes[1] = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(words, odd)), x[1], lanes[1]);
    }
    lanes
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_bf16(x: *const u16) -> [__m512i; 2] {
    // SAFETY: the caller has 64 of them.
    [0, 32].map(|at| unsafe { _mm512_load_si512(x.add(at).cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn step_bf16(words: [__m512i; 2], x: [__m512i; 2], lanes: [__m512; 2]) -> [__m512; 2] {
    // SAFETY: 32 words, whatever type names them.
    let pairs = |words: __m512i| unsafe { std::mem::transmute::<__m512i, __m512bh>(words) };
    [
        _mm512_dpbf16_ps(lanes[0], pairs(words[0]), pairs(x[0])),
        _mm512_dpbf16_ps(lanes[1], pairs(words[1]), pairs(x[1])),
    ]
}
