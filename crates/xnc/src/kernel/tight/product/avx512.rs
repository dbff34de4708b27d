//! AVX-512, two rows in flight: activations and biases are loaded once for both.
//!
//! Codes of a group are taken a group early. From the bytes of codes to the symbols that they ask for it takes an
//! instruction as long as twenty others, and more of them than a processor looks ahead would stand in line.

use std::arch::x86_64::*;

use super::Table;
use crate::kernel::Aligned;
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::dot::{sum_avx512 as sum_f32, sum_pairs_avx512 as sum_bf16};
use crate::kernel::tight::levels::{Levels, ROWS, Ready, Stages, blocks};
use crate::kernel::tight::row::{CODES, GROUP, Row, RowShape};
use crate::kernel::tight::unpack::avx512::{Codes, turned};

/// Activations, and stages for the deeper levels of rows.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    x: Aligned<T>,
    stages: Stages,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(shape: RowShape, x: Aligned<T>) -> Self {
        let stages = Stages::new(shape).expect("whole groups have more bytes than places");
        Desk { x, stages }
    }
}

/// Lines of the payload that a group of two rows takes, deeper levels counted.
const LINES: usize = 3;

/// Bytes of a group.
const RECORD: usize = CODES + GROUP;

/// Defines the pass over rows for one type of activations: `$load` takes those of a group, `$turn` makes what turns
/// words, `$step` multiplies.
macro_rules! pass {
    ($x:ty, $features:literal, $turn:ty, $load:ident, $step:ident, $sum:ident) => {
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
                assert!(self.x.len() == table.bias.len() && self.x.len() == table.shape.places());
                let (levels, codes) =
                    (Levels::avx512(table.shape, table.symbols()), Codes::new(table.symbols()));
                let (turn, mut plan) = (<$turn>::new(), Plan::of_machine());
                // Levels of rows are taken before the rows, in blocks.
                plan.bytes += ROWS * table.shape.coded();
                let Desk { x, stages } = self;
                for (first, block) in blocks(rows) {
                    let mut all = false;
                    // SAFETY: as the caller promises.
                    while !unsafe {
                        let ready = levels.ready(payload.as_ptr(), &block, stages, all);
                        let out = &mut out[first..];
                        Self::block(x, table, payload, &codes, &turn, plan, &block, ready, out)
                    } {
                        all = true;
                    }
                }
            }

            /// Two rows after the other; false where a row asks for more than what was made ready.
            #[expect(clippy::too_many_arguments, reason = "a loop's body with a name")]
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn block(
                x: &[$x],
                table: &Table,
                payload: &[u8],
                codes: &Codes,
                turn: &$turn,
                plan: Plan,
                rows: &[Row; ROWS],
                ready: Ready,
                out: &mut [f32],
            ) -> bool {
                let mut enough = true;
                for (number, pair) in rows.as_chunks::<2>().0.iter().enumerate().take(out.len().div_ceil(2)) {
                    let mut passed = [0, 1].map(|r| ready.from[2 * number + r]);
                    let mut lanes = [[_mm512_setzero_ps(); 2]; 2];
                    let mut lines = Lines::from(plan, payload, pair[0].at);
                    let mut records = pair.map(|row| payload.as_ptr().wrapping_add(row.at));
                    let (mut bias, mut x) = (table.bias.as_ptr(), x.as_ptr());
                    // SAFETY: groups lie inside the payload, biases and activations are as long as rows, and stages
                    // have room for a register behind their symbols.
                    unsafe {
                        let [mut a, mut b] = passed;
                        let mut next = [codes.name(records[0], &mut a), codes.name(records[1], &mut b)];
                        for _ in 0..table.shape.groups() {
                            passed = [a, b];
                            let bias_here = _mm512_load_si512(bias.cast());
                            let mut words = [[_mm512_setzero_si512(); 2]; 2];
                            for r in 0..2 {
                                let upper = _mm512_add_epi8(next[r].all(), bias_here);
                                words[r] = turned(upper, records[r].add(CODES));
                                records[r] = records[r].add(RECORD);
                            }
                            // Behind the last group something is named, too, and thrown away.
                            next = [codes.name(records[0], &mut a), codes.name(records[1], &mut b)];
                            lines.ask::<LINES>();
                            let at = $load(x);
                            for r in 0..2 {
                                lanes[r] = $step(turn, words[r], at, lanes[r]);
                            }
                            x = x.add(GROUP);
                            bias = bias.add(GROUP);
                        }
                    }
                    for (r, lanes) in lanes.into_iter().enumerate() {
                        if let Some(out) = out.get_mut(2 * number + r) {
                            *out = $sum(lanes);
                        }
                        enough &= passed[r] <= ready.to[2 * number + r];
                    }
                }
                enough
            }
        }
    };
}

pass!(f32, "avx2,avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt", TurnF32, load_f32, step_f32, sum_f32);
pass!(
    u16,
    "avx2,avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx512bf16,popcnt",
    TurnBf16,
    load_bf16,
    step_bf16,
    sum_bf16
);

/// Turns the words of quads and widens them, even ones and odd ones, in one instruction each.
struct TurnF32 {
    odd: [__m512i; 2],
    /// Bytes that are the upper half of a value.
    upper: u64,
}

#[repr(align(64))]
struct Controls([u8; GROUP]);

/// Where the bits of the upper two bytes of each value begin, in the 64 bits of a quad.
static CONTROLS: [Controls; 2] = {
    let (mut all, mut byte) = ([[0; GROUP]; 2], 0);
    while byte < GROUP {
        if byte % 4 >= 2 {
            let mut odd = 0;
            while odd < 2 {
                all[odd][byte] = ((16 * (byte / 4 % 2 * 2 + odd) + 1 + 8 * (byte % 2)) % 64) as u8;
                odd += 1;
            }
        }
        byte += 1;
    }
    [Controls(all[0]), Controls(all[1])]
};

impl TurnF32 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> TurnF32 {
        let mut upper = 0xcccc_cccc_cccc_cccc_u64;
        // The compiler, if it knew the mask, would put an instruction of its own behind each that is masked.
        // SAFETY: no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) upper, options(pure, nomem, nostack, preserves_flags));
        }
        // SAFETY: 64 bytes, on a line.
        let odd = [0, 1].map(|odd| unsafe { _mm512_load_si512(CONTROLS[odd].0.as_ptr().cast()) });
        TurnF32 { odd, upper }
    }
}

/// The activations of a group: of even words, of odd ones, and the same of its second half.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_f32(x: *const f32) -> [__m512; 4] {
    // SAFETY: the caller has 64 of them.
    unsafe {
        [_mm512_load_ps(x), _mm512_load_ps(x.add(16)), _mm512_load_ps(x.add(32)), _mm512_load_ps(x.add(48))]
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
fn step_f32(turn: &TurnF32, words: [__m512i; 2], x: [__m512; 4], mut lanes: [__m512; 2]) -> [__m512; 2] {
    for (words, x) in words.into_iter().zip(x.as_chunks::<2>().0) {
        for odd in 0..2 {
            // The lower half of each value is zero.
            let value = _mm512_maskz_multishift_epi64_epi8(turn.upper, turn.odd[odd], words);
            lanes[odd] = _mm512_fmadd_ps(_mm512_castsi512_ps(value), x[odd], lanes[odd]);
        }
    }
    lanes
}

struct TurnBf16;

impl TurnBf16 {
    #[inline]
    fn new() -> TurnBf16 {
        TurnBf16
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_bf16(x: *const u16) -> [__m512i; 2] {
    // SAFETY: the caller has 64 of them.
    unsafe { [_mm512_load_si512(x.cast()), _mm512_load_si512(x.add(32).cast())] }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn step_bf16(_: &TurnBf16, words: [__m512i; 2], x: [__m512i; 2], mut lanes: [__m512; 2]) -> [__m512; 2] {
    for half in 0..2 {
        let words = _mm512_ror_epi64::<1>(words[half]);
        // SAFETY: 32 words, whatever type names them.
        let [words, x] = unsafe { std::mem::transmute::<[__m512i; 2], [__m512bh; 2]>([words, x[half]]) };
        lanes[half] = _mm512_dpbf16_ps(lanes[half], words, x);
    }
    lanes
}
