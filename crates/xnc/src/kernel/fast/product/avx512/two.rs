//! The loop: tiers, words and sums of two rows.
//!
//! Where the streams of one row stand is a chain of dependent steps longer than the rest of a group takes; a
//! second row fills it. In assembly, since the loop needs nearly all registers of both kinds, and compilers
//! keep some of them in memory, the chain among them.

use std::arch::x86_64::*;
use std::mem::offset_of;

use super::super::seen::{RECORD, Seen};
use super::Place;
use crate::kernel::dot::{sum_avx512 as sum, sum_pairs_avx512 as sum_pairs};
use crate::kernel::fast::unpack::avx512::Unpack;

/// Cache lines asked for with each group of two rows, a little more than these take: 2.4 and 2.5 on the
/// tables of the study.
const LINES: usize = 3;

/// One pass of the loop.
///
/// To run it, each row seen shall have as many records as there are places, of which the last one says so,
/// and those bits, so that streams stay where [`Bits`] says.
pub(super) struct Two<'a, X> {
    pub seen: [Seen; 2],
    /// Upper bytes by code, in every quarter.
    pub tables: [__m512i; 2],
    pub places: &'a [Place<X>],
    /// Memory is asked for in order, from here on: asked for where the two rows read, in turns, the whole of
    /// Gemma-3-270M takes twice as long.
    pub ahead: *const u8,
}

/// What rows are multiplied with.
pub(in crate::kernel::fast) trait Activation: Copy {
    /// Whether words are summed in pairs, as `vdpbf16ps` does, which the machine then has.
    const PAIRS: bool;
    /// Whether words need their bias.
    const BIASED: bool;
}

impl Activation for f32 {
    const PAIRS: bool = false;
    const BIASED: bool = true;
}

/// A floating-point number that was multiplied with its column's bias.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(in crate::kernel::fast) struct Scaled(pub f32);

impl Activation for Scaled {
    const PAIRS: bool = false;
    const BIASED: bool = false;
}

impl Activation for u16 {
    const PAIRS: bool = true;
    const BIASED: bool = false;
}

/// The words of a group, before their bias, to `w0` and `w1`, of the row whose records stand at `$at`.
#[rustfmt::skip]
macro_rules! words {
    ($at:literal, $second:literal, $rest:literal, $spare:literal, $table:literal) => {
        concat!(
            // The second tier, and where the other stream stands.
            "shrx {t}, {", $second, "}, {three}\n",
            "bzhi {c}, {", $second, "}, {three}\n",
            "shrx {t}, qword ptr [{t}], {c}\n",
            "shrx {v}, {", $rest, "}, {three}\n",
            "pdep {t}, {t}, qword ptr [", $at, "]\n",
            "bzhi {c}, {", $rest, "}, {three}\n",
            "shrx {v}, qword ptr [{v}], {c}\n",
            "popcnt {c}, qword ptr [", $at, "]\n",
            "add {", $second, "}, {c}\n",
            // The third tier.
            "popcnt {c}, {t}\n",
            "pdep {e}, {v}, {t}\n",
            "shrx {v}, {v}, {c}\n",
            "add {", $rest, "}, {c}\n",
            // The last two bits.
            "popcnt {c}, {e}\n",
            "lea {", $rest, "}, [{", $rest, "} + 2*{c}]\n",
            "shrx {c}, {v}, {c}\n",
            "pdep {v}, {v}, {e}\n",
            "vpbroadcastq {w2}, {e}\n",
            "pdep {c}, {c}, {e}\n",
            // The planes of the codes: as `code_planes`.
            "xor {v}, qword ptr [", $at, "]\n",
            "xor {c}, {t}\n",
            "vpbroadcastq {w0}, {v}\n",
            "or {c}, qword ptr [{x} + ", $spare, "]\n",
            "vprorvq {w2}, {w2}, {turn2}\n",
            "vpbroadcastq {w1}, {c}\n",
            "vpmultishiftqb {w3}, {signs}, qword ptr [", $at, " + 8]{{1to8}}\n",
            "vprorvq {w0}, {w0}, {turn0}\n",
            "vprorvq {w1}, {w1}, {turn1}\n",
            // Where the mask is set, of the first, else of the second. Above its fourth bit a byte holds
            // anything: VPERMB leaves out two of these bits, and the table is there for each of the other
            // two.
            "vpternlogq {w2}, {w3}, {bit2}, 0xe4\n",
            "vpternlogq {w0}, {w1}, {bit0}, 0xe4\n",
            "vpternlogq {w0}, {w2}, {bits01}, 0xe4\n",
            "vmovdqu64 {w1}, [", $at, " + 16]\n",
            "vpermb {w2}, {w0}, {", $table, "}\n",
            "vpunpcklbw {w0}, {w1}, {w2}\n",
            "vpunpckhbw {w1}, {w1}, {w2}\n",
        )
    };
}

/// Adds the biases.
macro_rules! add_bias {
    () => {
        concat!("vpaddw {w0}, {w0}, {b0}\n", "vpaddw {w1}, {w1}, {b1}\n")
    };
}

/// Loads floating-point activations.
#[rustfmt::skip]
macro_rules! load_f32 {
    () => {
        concat!(
            "vmovaps {x0}, [{x}]\n",
            "vmovaps {x1}, [{x} + 64]\n",
            "vmovaps {x2}, [{x} + 128]\n",
            "vmovaps {x3}, [{x} + 192]\n",
        )
    };
}

/// Takes even and odd words to their lanes, as [[`crate::kernel::dot`]] has them.
#[rustfmt::skip]
macro_rules! step_f32 {
    ($even:literal, $odd:literal) => {
        concat!(
            "vpslld {w2}, {w0}, 16\n",
            "vpandd {w0}, {w0}, {odd}\n",
            "vfmadd231ps {", $even, "}, {w2}, {x0}\n",
            "vfmadd231ps {", $odd, "}, {w0}, {x1}\n",
            "vpslld {w2}, {w1}, 16\n",
            "vpandd {w1}, {w1}, {odd}\n",
            "vfmadd231ps {", $even, "}, {w2}, {x2}\n",
            "vfmadd231ps {", $odd, "}, {w1}, {x3}\n",
        )
    };
}

/// A pass over two rows. `$load` brings the activations of a place, `$first` and `$second` take the words of
/// a group to the lanes of a row.
macro_rules! assembly {
    ($two:ident, $unpack:ident, $load:expr, $first:expr, $second:expr; $($more:tt)*) => {{
        let [a, b] = $two.seen;
        let (l0, l1, l2, l3): (__m512, __m512, __m512, __m512);
        std::arch::asm!(
            "vpxord {l0}, {l0}, {l0}",
            "vpxord {l1}, {l1}, {l1}",
            "vpxord {l2}, {l2}, {l2}",
            "vpxord {l3}, {l3}, {l3}",
            "2:",
            $load,
            "prefetcht0 [{ahead}]",
            "prefetcht0 [{ahead} + 64]",
            "prefetcht0 [{ahead} + 128]",
            words!("{n}", "second0", "rest0", "{spare}", "table0"),
            $first,
            words!("{n} + {d}", "second1", "rest1", "{spare} + 8", "table1"),
            $second,
            "add {ahead}, {lines}",
            "add {n}, {record}",
            "add {x}, {place}",
            "cmp qword ptr [{x} + {last} - {place}], 0",
            "je 2b",
            spare = const offset_of!(Place<X>, spare),
            last = const offset_of!(Place<X>, last),
            place = const size_of::<Place<X>>(),
            record = const RECORD,
            lines = const 64 * LINES,
            n = inout(reg) a.records => _,
            d = in(reg) b.records.addr().wrapping_sub(a.records.addr()),
            x = inout(reg) $two.places.as_ptr() => _,
            ahead = inout(reg) $two.ahead => _,
            second0 = inout(reg) a.bits.second => _,
            rest0 = inout(reg) a.bits.rest => _,
            second1 = inout(reg) b.bits.second => _,
            rest1 = inout(reg) b.bits.rest => _,
            three = in(reg) 3_u64,
            t = out(reg) _, v = out(reg) _, c = out(reg) _, e = out(reg) _,
            turn0 = in(zmm_reg) $unpack.turn[0],
            turn1 = in(zmm_reg) $unpack.turn[1],
            turn2 = in(zmm_reg) $unpack.turn[2],
            signs = in(zmm_reg) $unpack.signs,
            bit0 = in(zmm_reg) _mm512_set1_epi8(1),
            bit2 = in(zmm_reg) _mm512_set1_epi8(4),
            bits01 = in(zmm_reg) _mm512_set1_epi8(3),
            table0 = in(zmm_reg) $two.tables[0],
            table1 = in(zmm_reg) $two.tables[1],
            x0 = out(zmm_reg) _, x1 = out(zmm_reg) _,
            w0 = out(zmm_reg) _, w1 = out(zmm_reg) _, w2 = out(zmm_reg) _, w3 = out(zmm_reg) _,
            l0 = out(zmm_reg) l0, l1 = out(zmm_reg) l1, l2 = out(zmm_reg) l2, l3 = out(zmm_reg) l3,
            $($more)*
            options(nostack, readonly),
        );
        [[l0, l1], [l2, l3]]
    }};
}

impl<X: Activation> Two<'_, X> {
    /// The products of the two rows.
    ///
    /// # Safety
    /// As [`Two`] says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,popcnt")]
    pub(super) unsafe fn sums(self, unpack: &Unpack) -> [f32; 2] {
        if X::PAIRS {
            // SAFETY: as the caller promises; nothing is written, and no register or flag is left changed but
            // those named.
            let lanes = unsafe {
                assembly!(
                    self,
                    unpack,
                    concat!("vmovdqa64 {x0}, [{x}]\n", "vmovdqa64 {x1}, [{x} + 64]\n"),
                    concat!("vdpbf16ps {l0}, {w0}, {x0}\n", "vdpbf16ps {l1}, {w1}, {x1}\n"),
                    concat!("vdpbf16ps {l2}, {w0}, {x0}\n", "vdpbf16ps {l3}, {w1}, {x1}\n");
                )
            };
            return lanes.map(|lanes| sum_pairs(lanes));
        }
        let odd = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
        if !X::BIASED {
            // SAFETY: as above.
            let lanes = unsafe {
                assembly!(
                    self,
                    unpack,
                    load_f32!(),
                    step_f32!("l0", "l1"),
                    step_f32!("l2", "l3");
                    odd = in(zmm_reg) odd,
                    x2 = out(zmm_reg) _, x3 = out(zmm_reg) _,
                )
            };
            return lanes.map(|lanes| sum(lanes));
        }
        // SAFETY: as above.
        let lanes = unsafe {
            assembly!(
                self,
                unpack,
                concat!("vmovdqa64 {b0}, [{x} + {bias}]\n", "vmovdqa64 {b1}, [{x} + {bias} + 64]\n", load_f32!()),
                concat!(add_bias!(), step_f32!("l0", "l1")),
                concat!(add_bias!(), step_f32!("l2", "l3"));
                bias = const offset_of!(Place<X>, bias),
                odd = in(zmm_reg) odd,
                b0 = out(zmm_reg) _, b1 = out(zmm_reg) _, x2 = out(zmm_reg) _, x3 = out(zmm_reg) _,
            )
        };
        lanes.map(|lanes| sum(lanes))
    }
}
