//! The loop over the groups of a row, in assembly: sixteen registers hold what it needs, and the compiler keeps too
//! little of that in them; with BF16 activations it runs under another control word, of which the compiler must
//! not know.

use std::arch::x86_64::*;
use std::mem::offset_of;

use super::LOWER;
use crate::kernel::ahead::Plan;
use crate::kernel::dot::avx2::SUBNORMALS_AS_ZERO;
use crate::kernel::fast::product::Table;
use crate::kernel::fast::row::{GROUP, RANKS};

/// What the loop takes from memory.
#[repr(C, align(32))]
pub(super) struct Constants {
    /// Symbols of the lower and of the upper rank in half a byte.
    tables: [[u8; 32]; 2],
    /// Brings the half bytes of ranks to the bottom.
    halves: [u64; 4],
    /// Bring the sign bits of places 0 to 31, and 32 to 63, to the top.
    signs: [[u64; 4]; 2],
    phase: [u16; 16],
    control: u32,
}

/// One row at hand. `lanes` goes in and comes out.
pub(super) struct Turn {
    pub(super) lanes: [__m256; 4],
    pub(super) record: *const u8,
    pub(super) room: *mut u8,
    pub(super) bias: *const u8,
    pub(super) x: *const f32,
    pub(super) plan: Plan,
}

/// Loads activations and multiplies the words of a register: even ones, then odd ones, or odd ones first.
macro_rules! step {
    ($words:literal, $at:literal, even $even:literal, odd $odd:literal) => {
        concat!(
            "vpslld ymm11, ",
            $words,
            ", 16\n",
            "vfmadd231ps ",
            $even,
            ", ymm11, [{x} + ",
            $at,
            "]\n",
            "vpand ",
            $words,
            ", ",
            $words,
            ", ymm8\n",
            "vfmadd231ps ",
            $odd,
            ", ",
            $words,
            ", [{x} + ",
            $at,
            " + 32]\n",
        )
    };
    ($words:literal, $at:literal, pairs $lane:literal) => {
        concat!(
            "vpand ymm11, ",
            $words,
            ", ymm8\n",
            "vfmadd231ps ",
            $lane,
            ", ymm11, [{x} + ",
            $at,
            " + 32]\n",
            "vpslld ",
            $words,
            ", ",
            $words,
            ", 16\n",
            "vfmadd231ps ",
            $lane,
            ", ",
            $words,
            ", [{x} + ",
            $at,
            "]\n",
        )
    };
}

/// Takes the phase off the words of a group.
macro_rules! off_phase {
    ($($words:literal)*) => {
        concat!($("vpsubw ", $words, ", ", $words, ", [{c} + {phase}]\n",)*)
    };
}

/// Sets the control word of `vdpbf16ps`, and puts the one before back.
macro_rules! begin {
    () => {
        "stmxcsr [{before}]\nldmxcsr [{c} + {control}]"
    };
}
macro_rules! end {
    () => {
        "ldmxcsr [{before}]"
    };
}

macro_rules! f32_steps {
    () => {
        concat!(
            step!("ymm9", "0", even "ymm0", odd "ymm1"),
            step!("ymm10", "64", even "ymm2", odd "ymm3"),
            step!("ymm14", "128", even "ymm0", odd "ymm1"),
            step!("ymm15", "192", even "ymm2", odd "ymm3"),
        )
    };
}

macro_rules! pair_steps {
    () => {
        concat!(
            step!("ymm9", "0", pairs "ymm0"),
            step!("ymm10", "64", pairs "ymm1"),
            step!("ymm14", "128", pairs "ymm2"),
            step!("ymm15", "192", pairs "ymm3"),
        )
    };
}

macro_rules! phase_off {
    () => {
        off_phase!("ymm9" "ymm10" "ymm14" "ymm15")
    };
}

/// The loop over the groups of a row.
macro_rules! groups {
    ($turn:ident, $c:ident, $groups:ident, $off_phase:expr, $steps:expr, $begin:expr, $end:expr; $($more:tt)*) => {
        std::arch::asm!(
            $begin,
            "vmovdqa ymm4, [{c}]",
            "vmovdqa ymm5, [{c} + 32]",
            "vpcmpeqd ymm8, ymm8, ymm8",
            "vpsrlw ymm6, ymm8, 12",
            "vpackuswb ymm6, ymm6, ymm6", // 15 in every byte
            "vpsllw ymm7, ymm8, 15",
            "vpacksswb ymm7, ymm7, ymm7", // 128 in every byte
            "vpslld ymm8, ymm8, 16",      // the odd word of every two
            "2:",
            "test {second:e}, {second:e}",
            "jnz 3f",
            "prefetcht0 [{record} + {ahead}]",
            "prefetcht0 [{record} + {ahead} + 64]",
            "jmp 4f",
            "3:",
            "prefetcht1 [{record} + {ahead}]",
            "prefetcht1 [{record} + {ahead} + 64]",
            "4:",
            "vbroadcasti128 ymm9, [{record}]",
            "vpbroadcastq ymm10, [{record} + {ranks}]",
            "vpsrlvq ymm9, ymm9, [{c} + {halves}]",
            "vpsllvq ymm12, ymm10, [{c} + {signs}]",
            "vpsllvq ymm13, ymm10, [{c} + {signs} + 32]",
            "vpand ymm9, ymm9, ymm6",
            "vpand ymm12, ymm12, ymm7",
            "vpand ymm13, ymm13, ymm7",
            "vpshufb ymm10, ymm4, ymm9",
            "vpshufb ymm11, ymm5, ymm9",
            "vpaddb ymm10, ymm10, [{room}]",
            "vpaddb ymm11, ymm11, [{room} + 32]",
            "vpaddb ymm12, ymm12, [{bias}]",
            "vpaddb ymm13, ymm13, [{bias} + 32]",
            "vpxor ymm14, ymm14, ymm14",
            "vmovdqa [{room}], ymm14",
            "vmovdqa [{room} + 32], ymm14",
            "vpaddb ymm12, ymm12, ymm10",
            "vpaddb ymm13, ymm13, ymm11",
            "vmovdqu ymm14, [{record} + {lower}]",
            "vmovdqu ymm15, [{record} + {lower} + 32]",
            "vpunpcklbw ymm9, ymm14, ymm12",
            "vpunpcklbw ymm10, ymm15, ymm13",
            "vpunpckhbw ymm14, ymm14, ymm12",
            "vpunpckhbw ymm15, ymm15, ymm13",
            $off_phase,
            $steps,
            "add {record}, {size}",
            "add {room}, 64",
            "add {bias}, 64",
            "add {x}, 256",
            "dec {groups}",
            "jnz 2b",
            $end,
            c = in(reg) $c,
            halves = const offset_of!(Constants, halves),
            signs = const offset_of!(Constants, signs),
            ahead = in(reg) $turn.plan.bytes,
            second = in(reg) u32::from($turn.plan.second),
            ranks = const RANKS,
            lower = const LOWER,
            size = const LOWER + GROUP,
            record = inout(reg) $turn.record => _,
            room = inout(reg) $turn.room,
            bias = inout(reg) $turn.bias,
            x = inout(reg) $turn.x,
            groups = inout(reg) $groups => _,
            $($more)*
            inout("ymm0") $turn.lanes[0], inout("ymm1") $turn.lanes[1],
            inout("ymm2") $turn.lanes[2], inout("ymm3") $turn.lanes[3],
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _, out("ymm8") _, out("ymm9") _,
            out("ymm10") _, out("ymm11") _, out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nostack),
        )
    };
}

impl Turn {
    /// Goes through whole groups.
    ///
    /// # Safety
    /// Groups lie inside a payload; room, biases and activations begin on 32 bytes and are as long as the row.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn groups<const PAIRS: bool>(&mut self, c: &Constants, phase: bool, groups: usize) {
        let mut before = 0_u32;
        // SAFETY: reads and writes what the caller promises; the control word is put back.
        unsafe {
            match (PAIRS, phase) {
                (false, false) => groups!(self, c, groups, "", f32_steps!(), "", "";),
                (false, true) => groups!(self, c, groups, phase_off!(), f32_steps!(), "", "";
                    phase = const offset_of!(Constants, phase),),
                (true, false) => groups!(self, c, groups, "", pair_steps!(), begin!(), end!();
                    control = const offset_of!(Constants, control), before = in(reg) &raw mut before,),
                (true, true) => groups!(self, c, groups, phase_off!(), pair_steps!(), begin!(), end!();
                    phase = const offset_of!(Constants, phase),
                    control = const offset_of!(Constants, control), before = in(reg) &raw mut before,),
            }
        }
        let _ = &mut before;
    }
}

impl Constants {
    pub(super) fn new(table: &Table) -> Constants {
        let table_of = |shift: usize| std::array::from_fn(|code| table.ranked[code >> shift & 3]);
        Constants {
            tables: [table_of(0), table_of(2)],
            halves: [0, 0, 4, 4],
            signs: [[7, 6, 5, 4], [3, 2, 1, 0]],
            phase: [table.phase; 16],
            control: SUBNORMALS_AS_ZERO,
        }
    }
}
