//! The loop over the groups of two rows, in assembly: the compiler keeps sums and constants in memory where calls
//! stand around the loop.

use std::arch::x86_64::*;
use std::mem::offset_of;

use super::LOWER;
use crate::kernel::ahead::Lines;
use crate::kernel::fast::product::Table;
use crate::kernel::fast::row::{GROUP, RANKS};
use crate::kernel::fast::unpack::avx512::{PLANE_CONTROLS, RANK_CONTROLS};

/// What the loop takes from memory.
#[repr(C, align(64))]
pub(super) struct Constants {
    ranks: [u8; GROUP],
    signs: [u8; GROUP],
    /// Symbols of ranks, then the same with the sign.
    table: [u8; 8],
    phase: u16,
}

/// Two rows at hand. `lanes` go in and come out, two registers a row.
pub(super) struct Turn {
    pub(super) lanes: [[__m512; 2]; 2],
    pub(super) records: [*const u8; 2],
    pub(super) rooms: [*mut u8; 2],
    pub(super) lines: Lines,
}

/// Lines of the payload that a group of two rows takes, lists counted.
const LINES: usize = 3;

/// Takes the next group of a row: its words go to `zmm9` and `zmm10`, its room becomes zero.
macro_rules! words {
    ($record:literal, $room:literal, $off_phase:expr) => {
        concat!(
            "vpaddb zmm5, zmm4, [",
            $room,
            " + {i}]\n",
            "vmovdqa64 [",
            $room,
            " + {i}], zmm22\n",
            "vbroadcasti32x4 zmm6, [",
            $record,
            "]\n",
            "vpmultishiftqb zmm6, zmm16, zmm6\n",
            "vpmultishiftqb zmm7, zmm17, qword ptr [",
            $record,
            " + {ranks}]{{1to8}}\n",
            // Bit 2 from the sign, all else from the ranks, whose bits 3 to 5 count for nothing.
            "vpternlogq zmm7, zmm6, zmm19, 0xe4\n",
            "vpermb zmm6, zmm7, zmm18\n",
            "vmovdqu64 zmm8, [",
            $record,
            " + {lower}]\n",
            "vpaddb zmm6, zmm6, zmm5\n",
            "vpunpcklbw zmm9, zmm8, zmm6\n",
            "vpunpckhbw zmm10, zmm8, zmm6\n",
            $off_phase,
        )
    };
}

macro_rules! off_phase {
    () => {
        "vpsubw zmm9, zmm9, zmm21\nvpsubw zmm10, zmm10, zmm21\n"
    };
}

/// Multiplies the words of a group: even ones, then odd ones, of each half.
macro_rules! f32_steps {
    ($even:literal, $odd:literal) => {
        concat!(
            "vpslld zmm11, zmm9, 16\n",
            "vpandq zmm9, zmm9, zmm20\n",
            "vpslld zmm12, zmm10, 16\n",
            "vpandq zmm10, zmm10, zmm20\n",
            "vfmadd231ps ",
            $even,
            ", zmm11, zmm24\n",
            "vfmadd231ps ",
            $odd,
            ", zmm9, zmm25\n",
            "vfmadd231ps ",
            $even,
            ", zmm12, zmm26\n",
            "vfmadd231ps ",
            $odd,
            ", zmm10, zmm27\n",
        )
    };
}

macro_rules! bf16_steps {
    ($first:literal, $second:literal) => {
        concat!("vdpbf16ps ", $first, ", zmm9, zmm24\nvdpbf16ps ", $second, ", zmm10, zmm25\n")
    };
}

macro_rules! f32_loads {
    () => {
        concat!(
            "vmovaps zmm24, [{x} + 4 * {i}]\nvmovaps zmm25, [{x} + 4 * {i} + 64]\n",
            "vmovaps zmm26, [{x} + 4 * {i} + 128]\nvmovaps zmm27, [{x} + 4 * {i} + 192]\n",
        )
    };
}

macro_rules! bf16_loads {
    () => {
        "vmovdqa64 zmm24, [{x} + 2 * {i}]\nvmovdqa64 zmm25, [{x} + 2 * {i} + 64]\n"
    };
}

macro_rules! groups {
    ($turn:ident, $c:ident, $table:ident, $x:ident, $loads:expr, $steps:ident, $off_phase:expr) => {
        std::arch::asm!(
            "vmovdqa64 zmm16, [{c}]",
            "vmovdqa64 zmm17, [{c} + {signs}]",
            "vpbroadcastq zmm18, qword ptr [{c} + {symbols}]",
            "vpbroadcastw zmm21, word ptr [{c} + {phase}]",
            "vpternlogd zmm20, zmm20, zmm20, 0xff",
            "vpabsb zmm19, zmm20",
            "vpsllw zmm19, zmm19, 2",   // 4 in every byte
            "vpslld zmm20, zmm20, 16",  // the odd word of every two
            "vpxord zmm22, zmm22, zmm22",
            "xor {i:e}, {i:e}",
            "2:",
            "test {second:e}, {second:e}",
            "jnz 3f",
            "prefetcht0 [{next}]",
            "prefetcht0 [{next} + 64]",
            "prefetcht0 [{next} + 128]",
            "jmp 4f",
            "3:",
            "prefetcht1 [{next}]",
            "prefetcht1 [{next} + 64]",
            "prefetcht1 [{next} + 128]",
            "4:",
            $loads,
            "vmovdqa64 zmm4, [{bias} + {i}]",
            words!("{a}", "{room_a}", $off_phase),
            $steps!("zmm0", "zmm1"),
            words!("{b}", "{room_b}", $off_phase),
            $steps!("zmm2", "zmm3"),
            "add {a}, {record}",
            "add {b}, {record}",
            "add {next}, {step}",
            "add {i}, 64",
            "cmp {i}, {end}",
            "jne 2b",
            c = in(reg) $c,
            signs = const offset_of!(Constants, signs),
            symbols = const offset_of!(Constants, table),
            phase = const offset_of!(Constants, phase),
            second = in(reg) u32::from($turn.lines.second),
            next = inout(reg) $turn.lines.next => _,
            step = const 64 * LINES,
            ranks = const RANKS,
            lower = const LOWER,
            record = const LOWER + GROUP,
            a = inout(reg) $turn.records[0] => _,
            b = inout(reg) $turn.records[1] => _,
            room_a = in(reg) $turn.rooms[0],
            room_b = in(reg) $turn.rooms[1],
            bias = in(reg) $table.bias.as_ptr(),
            x = in(reg) $x,
            i = out(reg) _,
            end = in(reg) $table.shape.full(),
            inout("zmm0") $turn.lanes[0][0], inout("zmm1") $turn.lanes[0][1],
            inout("zmm2") $turn.lanes[1][0], inout("zmm3") $turn.lanes[1][1],
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _,
            out("zmm10") _, out("zmm11") _, out("zmm12") _, out("zmm16") _, out("zmm17") _, out("zmm18") _,
            out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm24") _, out("zmm25") _,
            out("zmm26") _, out("zmm27") _,
            options(nostack),
        )
    };
}

impl Turn {
    /// Goes through whole groups, of which there are some, with F32 activations.
    ///
    /// # Safety
    /// Groups lie inside a payload; rooms, biases and activations begin on lines and are as long as rows.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) unsafe fn f32(&mut self, c: &Constants, table: &Table, x: *const f32) {
        // SAFETY: reads and writes what the caller promises.
        unsafe {
            if table.phase == 0 {
                groups!(self, c, table, x, f32_loads!(), f32_steps, "");
            } else {
                groups!(self, c, table, x, f32_loads!(), f32_steps, off_phase!());
            }
        }
    }

    /// As [`Turn::f32`], with BF16 activations.
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512bf16")]
    pub(super) unsafe fn bf16(&mut self, c: &Constants, table: &Table, x: *const u16) {
        // SAFETY: as above.
        unsafe {
            if table.phase == 0 {
                groups!(self, c, table, x, bf16_loads!(), bf16_steps, "");
            } else {
                groups!(self, c, table, x, bf16_loads!(), bf16_steps, off_phase!());
            }
        }
    }
}

impl Constants {
    pub(super) fn new(table: &Table) -> Constants {
        let symbols = std::array::from_fn(|code| table.ranked[code % 4] ^ (code as u8 / 4) << 7);
        Constants { ranks: RANK_CONTROLS.0, signs: PLANE_CONTROLS[2].0, table: symbols, phase: table.phase }
    }
}
