//! AVX-512, two rows in flight: activations are loaded once for both.

use std::arch::x86_64::*;

use super::{LOWER, Table, tail_words};
use crate::kernel::Aligned;
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::dot::{sum_avx512 as sum_f32, sum_pairs_avx512 as sum_bf16};
use crate::kernel::fast::rooms::{Caller, PairLists, Rooms, turns};
use crate::kernel::fast::row::{GROUP, Row};
use crate::kernel::fast::unpack::avx512::{Uppers, words};

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

/// Lines of the payload that a group of two rows takes, lists counted.
const LINES: usize = 3;

/// Defines the passes over rows for one type of activations: `$load` takes those of a group, `$step` multiplies.
macro_rules! passes {
    ($x:ty, $features:literal, $load:ident, $step:ident, $sum:ident) => {
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
                    match (table.phase, turns(table.symbols())) {
                        (0, 1) => self.pass::<false, true>(table, payload, rows, out),
                        (0, _) => self.pass::<false, false>(table, payload, rows, out),
                        (_, 1) => self.pass::<true, true>(table, payload, rows, out),
                        (..) => self.pass::<true, false>(table, payload, rows, out),
                    }
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn pass<const PHASE: bool, const ONE_TURN: bool>(
                &mut self,
                table: &Table,
                payload: &[u8],
                rows: &[Row],
                out: &mut [f32],
            ) {
                struct Pass<const PHASE: bool, const ONE_TURN: bool>;
                impl<const PHASE: bool, const ONE_TURN: bool> Caller for Pass<PHASE, ONE_TURN> {
                    const ONE_TURN: bool = ONE_TURN;
                }
                assert!(self.x.len() == table.bias.len() && self.x.len() >= table.shape.dim);
                let (pairs, rest) = rows.as_chunks::<2>();
                let (out, rest_out) = out.as_chunks_mut::<2>();
                let (uppers, lists) = (Uppers::new(table.ranked), PairLists::new(table.symbols()));
                let phase = _mm512_set1_epi16(table.phase.cast_signed());
                let (places, plan) = (self.rooms.places(), Plan::of_machine());
                let [mut ready, mut filled] = [0, 2].map(|i| [places.of(i), places.of(i + 1)]);
                // Rooms are filled for a pair before the pair in front is multiplied.
                for next in 0..=pairs.len() {
                    (ready, filled) = (filled, ready);
                    if let Some(pair) = pairs.get(next) {
                        // SAFETY: as the caller promises.
                        unsafe { lists.put::<Pass<PHASE, ONE_TURN>>(payload, *pair, filled) };
                    }
                    let Some(i) = next.checked_sub(1) else { continue };
                    let (pair, mut rooms) = (pairs[i], ready);
                    let mut lanes = [[_mm512_setzero_ps(); 2]; 2];
                    let mut lines = Lines::from(plan, payload, pair[0].at);
                    let mut records = pair.map(|row| payload.as_ptr().wrapping_add(row.groups()));
                    let (mut bias, mut x) = (table.bias.as_ptr(), self.x.as_ptr());
                    for _ in 0..table.shape.groups() {
                        lines.ask::<LINES>();
                        // SAFETY: groups lie inside the payload; rooms, biases and activations are as long as a
                        // row, filled to whole groups.
                        unsafe {
                            let at = $load(x);
                            let bias = _mm512_load_si512(bias.cast());
                            for r in 0..2 {
                                let listed = _mm512_load_si512(rooms[r].cast());
                                _mm512_store_si512(rooms[r].cast(), _mm512_setzero_si512());
                                let upper = _mm512_add_epi8(uppers.of::<false>(records[r]), bias);
                                let upper = _mm512_add_epi8(upper, listed);
                                let mut words = words(upper, records[r].add(LOWER));
                                if PHASE {
                                    words = words.map(|words| _mm512_sub_epi16(words, phase));
                                }
                                lanes[r] = $step(words, at, lanes[r]);
                                records[r] = records[r].add(LOWER + GROUP);
                                rooms[r] = rooms[r].add(GROUP);
                            }
                            x = x.add(GROUP);
                        }
                        bias = bias.wrapping_add(GROUP);
                    }
                    if table.shape.tail() > 0 {
                        for r in 0..2 {
                            // SAFETY: as above; the rest of a row is less than a group.
                            unsafe {
                                let words = tail_words(table, payload, pair[r], rooms[r]);
                                let words =
                                    [0, 32].map(|at| _mm512_loadu_si512(words.as_ptr().add(at).cast()));
                                lanes[r] = $step(words, $load(x), lanes[r]);
                            }
                        }
                    }
                    out[i] = lanes.map(|lanes| $sum(lanes));
                }
                // A row without another goes with itself.
                if let ([row], [out]) = (rest, rest_out) {
                    let mut twice = [0.0; 2];
                    // SAFETY: as the caller promises.
                    unsafe { self.pass::<PHASE, ONE_TURN>(table, payload, &[*row; 2], &mut twice) };
                    *out = twice[0];
                }
            }
        }
    };
}

passes!(f32, "avx2,avx512f,avx512bw,avx512vbmi", load_f32, step_f32, sum_f32);
passes!(u16, "avx2,avx512f,avx512bw,avx512vbmi,avx512bf16", load_bf16, step_bf16, sum_bf16);

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
    [0, 1].map(|half| _mm512_dpbf16_ps(lanes[half], pairs(words[half]), pairs(x[half])))
}
