//! AVX2, a row at a time. The loop over groups is assembly: sixteen registers hold what it needs, and the
//! compiler keeps too little of that in them; with BF16 activations it runs under another control word, of which
//! the compiler must not know.

use std::arch::x86_64::*;
use std::mem::offset_of;

use super::{Table, tail_words};
use crate::dtype::Dtype;
use crate::kernel::Aligned;
use crate::kernel::ahead::Plan;
use crate::kernel::backend::{Backend, Isa};
use crate::kernel::dot::{self, avx2::SUBNORMALS_AS_ZERO, sum_avx2 as sum};
use crate::kernel::fast::rooms::{Caller, Lists, Rooms, turns};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, place};

/// Where the lower bytes of a group begin.
const LOWER: usize = RANKS + PLANE;

/// Activations as F32, and rooms for rows. With `PAIRS`, activations were BF16, and the arithmetic is that of
/// `vdpbf16ps`.
#[derive(Clone)]
pub(super) struct Desk<const PAIRS: bool> {
    x: Aligned<f32>,
    rooms: Rooms,
}

/// What the loop takes from memory.
#[repr(C, align(32))]
struct Constants {
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
struct Turn {
    lanes: [__m256; 4],
    record: *const u8,
    room: *mut u8,
    bias: *const u8,
    x: *const f32,
    plan: Plan,
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
    unsafe fn groups<const PAIRS: bool, const PHASE: bool>(&mut self, c: &Constants, groups: usize) {
        let mut before = 0_u32;
        // SAFETY: reads and writes what the caller promises; the control word is put back.
        unsafe {
            match (PAIRS, PHASE) {
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
    fn new(table: &Table) -> Constants {
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

impl<const PAIRS: bool> Desk<PAIRS> {
    pub(super) fn new(table: &Table, x: &[f32]) -> Self {
        let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
        dot::arrange(Backend(Isa::Avx2), Dtype::Bf16, x, &mut arranged);
        Desk { x: arranged, rooms: Rooms::new(table.shape.dim) }
    }

    /// # Safety
    /// The machine has the instructions; rows lie inside the payload, with their guard.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn rows(&mut self, table: &Table, payload: &[u8], rows: &[Row], out: &mut [f32]) {
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

    #[target_feature(enable = "avx2,fma")]
    unsafe fn pass<const PHASE: bool, const ONE_TURN: bool>(
        &mut self,
        table: &Table,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
    ) {
        struct Pass<const PAIRS: bool, const PHASE: bool, const ONE_TURN: bool>;
        impl<const PAIRS: bool, const PHASE: bool, const ONE_TURN: bool> Caller for Pass<PAIRS, PHASE, ONE_TURN> {
            const ONE_TURN: bool = ONE_TURN;
        }
        assert!(self.x.len() == table.bias.len() && self.x.len() >= table.shape.dim);
        let (x, rooms, plan) = (self.x.as_ptr(), self.rooms.places(), Plan::of_machine());
        let (constants, lists) = (Constants::new(table), Lists::new(table.symbols()));
        let groups = table.shape.groups();
        // A room is prepared two rows before its row is multiplied.
        for next in 0..rows.len() + 2 {
            if let Some(row) = rows.get(next) {
                // SAFETY: as the caller promises.
                unsafe { lists.put::<Pass<PAIRS, PHASE, ONE_TURN>>(payload, *row, rooms.of(next)) };
            }
            let Some(i) = next.checked_sub(2) else { continue };
            let mut turn = Turn {
                lanes: [_mm256_setzero_ps(); 4],
                record: payload.as_ptr().wrapping_add(rows[i].groups()),
                room: rooms.of(i),
                bias: table.bias.as_ptr(),
                x,
                plan,
            };
            // SAFETY: groups lie inside the payload; rooms, biases and activations are aligned, and filled to whole
            // groups. The rest of a row is less than a group.
            unsafe {
                turn.groups::<PAIRS, PHASE>(&constants, groups);
                if table.shape.tail() > 0 {
                    let mut tail = Tail::new(table, payload, rows[i], turn.room);
                    turn.record = tail.record.as_ptr();
                    turn.room = tail.room.as_mut_ptr();
                    turn.groups::<PAIRS, PHASE>(&constants, 1);
                }
            }
            out[i] = sum(turn.lanes);
        }
    }
}

/// The words behind full groups as a group of their own: all of rank 0 and without sign, what else there is to
/// their upper bytes in its room.
#[repr(align(32))]
struct Tail {
    room: [u8; GROUP],
    record: [u8; LOWER + GROUP],
}

impl Tail {
    /// # Safety
    /// As [`tail_words`].
    #[inline(never)] // the loop needs the registers
    unsafe fn new(table: &Table, payload: &[u8], row: Row, room: *mut u8) -> Tail {
        // SAFETY: as the caller promises.
        let words = unsafe { tail_words(table, payload, row, room) };
        let mut tail = Tail { room: [0; GROUP], record: [0; LOWER + GROUP] };
        let bias = &table.bias[table.shape.full()..];
        for (i, word) in words.iter().enumerate() {
            let [lower, upper] = word.wrapping_add(table.phase).to_le_bytes();
            tail.room[place(i)] = upper.wrapping_sub(table.ranked[0]).wrapping_sub(bias[place(i)]);
            tail.record[LOWER + place(i)] = lower;
        }
        tail
    }
}
