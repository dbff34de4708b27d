//! The loop over the groups of two rows, in assembly: it needs all registers, and with BF16 activations it runs under
//! another control word, of which the compiler must not know.

use super::LOWER;
use crate::kernel::ahead::Lines;
use crate::kernel::dot::neon::{Lanes, SUBNORMALS_AS_ZERO, UNDERFLOW};
use crate::kernel::fast::product::Table;
use crate::kernel::fast::row::RANKS;

/// What the loop takes from memory.
#[repr(C, align(16))]
pub(in crate::kernel::fast::product) struct Constants {
    /// Symbols of the lower and of the upper rank in half a byte.
    tables: [[u8; 16]; 2],
    phase: [u16; 8],
}

impl Constants {
    pub(super) fn new(table: &Table) -> Constants {
        let table_of = |shift: usize| std::array::from_fn(|code| table.ranked[code >> shift & 3]);
        Constants { tables: [table_of(0), table_of(2)], phase: [table.phase; 8] }
    }
}

/// Two rows at hand. `lanes` goes in and comes out.
pub(in crate::kernel::fast::product) struct Turn<T> {
    pub(super) lanes: [Lanes; 2],
    pub(super) records: [*const u8; 2],
    pub(super) rooms: [*mut u8; 2],
    pub(super) bias: *const u8,
    pub(super) x: *const T,
    pub(super) lines: Lines,
}

/// The loop. `$times` multiplies eight words of each row, `$quarters` says which registers hold whose lanes.
///
/// Vector registers: lanes of the first row in 0 to 7, of the second in 8 to 15; tables in 16 and 17; 15 in all bytes
/// of 18, 128 in those of 19; ranks of the rows in 20 and 21, signs in 22 and 23; 0xffff0000 in 24; words in 25 to 28.
macro_rules! groups {
    (
        $turn:ident, $c:ident, $groups:ident, $phase:ident, $times:expr, $quarters:expr, $x_size:literal,
        $begin:literal, $end:literal; $($more:tt)*
    ) => {
        std::arch::asm!(
            $times,
            r"
            // One row's words at 16 places, which are twice eight in order: in `first` those of the first half of the
            // group, in `second` those of the other.
            .macro xnc_words record, room, codes, table, signs, up, at, first, second
                tbl v\second\().16b, {{v\table\().16b}}, v\codes\().16b
                .if \up
                    shl v30.16b, v\signs\().16b, \up
                    bit v\second\().16b, v30.16b, v19.16b
                .else
                    bit v\second\().16b, v\signs\().16b, v19.16b
                .endif
                ldr q30, [\room, \at]
                stp xzr, xzr, [\room, \at]
                ldr q29, [\record, {lower} + \at]
                add v\second\().16b, v\second\().16b, v30.16b
                add v\second\().16b, v\second\().16b, v31.16b
                zip1 v\first\().16b, v29.16b, v\second\().16b
                zip2 v\second\().16b, v29.16b, v\second\().16b
            .endm
            // The words of both rows at 16 places, multiplied. Half bytes of ranks are in `codes`; lanes are those of
            // the first half of the group, even and odd of each row, then the same of the other.
            .macro xnc_quarter codes0, codes1, table, up, at, a, b, c, d, e, f, g, h
                .if \codes0 == 25
                    and v25.16b, v20.16b, v18.16b
                    and v27.16b, v21.16b, v18.16b
                .endif
                ldr q31, [{bias}, \at]
                xnc_words {record0}, {room0}, \codes0, \table, 22, \up, \at, 26, 25
                xnc_words {record1}, {room1}, \codes1, \table, 23, \up, \at, 28, 27
                .if {phase}
                    ldr q31, [{c}, 32]
                    sub v25.8h, v25.8h, v31.8h
                    sub v26.8h, v26.8h, v31.8h
                    sub v27.8h, v27.8h, v31.8h
                    sub v28.8h, v28.8h, v31.8h
                .endif
                xnc_times 26, 28, \at, \a, \b, \c, \d
                xnc_times 25, 27, 64+\at, \e, \f, \g, \h
            .endm
            ",
            $begin,
            r"
            ldp q16, q17, [{c}]
            movi v18.16b, 15
            movi v19.16b, 128
            mvni v24.4s, 255, msl 8
            ldp q0, q1, [{lanes}]
            ldp q2, q3, [{lanes}, 32]
            ldp q4, q5, [{lanes}, 64]
            ldp q6, q7, [{lanes}, 96]
            ldp q8, q9, [{lanes}, 128]
            ldp q10, q11, [{lanes}, 160]
            ldp q12, q13, [{lanes}, 192]
            ldp q14, q15, [{lanes}, 224]
        2:
            cbnz {second:w}, 3f
            prfm pldl1keep, [{line}]
            prfm pldl1keep, [{line}, 64]
            prfm pldl1keep, [{line}, 128]
            b 4f
        3:
            prfm pldl2keep, [{line}]
            prfm pldl2keep, [{line}, 64]
            prfm pldl2keep, [{line}, 128]
        4:
            // Eight places have a bit of each byte of a plane, the next eight the bit above: doubling the bytes of
            // the first brings both to one place.
            ldr q20, [{record0}]
            ldr d22, [{record0}, {ranks}]
            dup v30.2d, v22.d[0]
            add v22.16b, v22.16b, v30.16b
            ldr q21, [{record1}]
            ldr d23, [{record1}, {ranks}]
            dup v31.2d, v23.d[0]
            add v23.16b, v23.16b, v31.16b
            ",
            $quarters,
            r"
            add {record0}, {record0}, {lower} + 64
            add {record1}, {record1}, {lower} + 64
            add {room0}, {room0}, 64
            add {room1}, {room1}, 64
            add {bias}, {bias}, 64
            add {x}, {x}, {x_size}
            add {line}, {line}, 192
            subs {groups}, {groups}, 1
            b.ne 2b
            stp q0, q1, [{lanes}]
            stp q2, q3, [{lanes}, 32]
            stp q4, q5, [{lanes}, 64]
            stp q6, q7, [{lanes}, 96]
            stp q8, q9, [{lanes}, 128]
            stp q10, q11, [{lanes}, 160]
            stp q12, q13, [{lanes}, 192]
            stp q14, q15, [{lanes}, 224]
            ",
            $end,
            ".purgem xnc_times\n.purgem xnc_words\n.purgem xnc_quarter",
            c = in(reg) $c,
            lanes = in(reg) $turn.lanes.as_mut_ptr(),
            second = in(reg) u32::from($turn.lines.second),
            phase = const $phase as usize,
            ranks = const RANKS,
            lower = const LOWER,
            x_size = const $x_size,
            record0 = inout(reg) $turn.records[0] => _,
            record1 = inout(reg) $turn.records[1] => _,
            room0 = inout(reg) $turn.rooms[0],
            room1 = inout(reg) $turn.rooms[1],
            bias = inout(reg) $turn.bias,
            x = inout(reg) $turn.x,
            line = inout(reg) $turn.lines.next,
            groups = inout(reg) $groups => _,
            $($more)*
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _,
            out("v15") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _,
            out("v22") _, out("v23") _, out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _,
            out("v29") _, out("v30") _, out("v31") _,
            options(nostack),
        )
    };
}

/// `xnc_times`, where activations are F32: those of even words and those of odd ones.
macro_rules! times_f32 {
    () => {
        r"
            .macro xnc_times first, second, at, a, b, c, d
                ldp q29, q30, [{x}, 2 * (\at)]
                and v31.16b, v\first\().16b, v24.16b
                shl v\first\().4s, v\first\().4s, 16
                fmla v\b\().4s, v31.4s, v30.4s
                fmla v\a\().4s, v\first\().4s, v29.4s
                and v31.16b, v\second\().16b, v24.16b
                shl v\second\().4s, v\second\().4s, 16
                fmla v\d\().4s, v31.4s, v30.4s
                fmla v\c\().4s, v\second\().4s, v29.4s
            .endm
        "
    };
}

/// The same, where they are BF16: odd words first.
macro_rules! times_bf16 {
    () => {
        r"
            .macro xnc_times first, second, at, a, b, c, d
                ldr q29, [{x}, \at]
                bfmlalt v\b\().4s, v\first\().8h, v29.8h
                bfmlalb v\a\().4s, v\first\().8h, v29.8h
                bfmlalt v\d\().4s, v\second\().8h, v29.8h
                bfmlalb v\c\().4s, v\second\().8h, v29.8h
            .endm
        "
    };
}

/// A lane for every word of half a group, in the order of [`Lanes`].
macro_rules! quarters {
    () => {
        r"
            xnc_quarter 25, 27, 16, 6, 0, 0, 1, 8, 9, 0, 1, 8, 9
            xnc_quarter 25, 27, 17, 2, 32, 4, 5, 12, 13, 4, 5, 12, 13
            ushr v20.16b, v20.16b, 4
            ushr v21.16b, v21.16b, 4
            xnc_quarter 20, 21, 16, 4, 16, 2, 3, 10, 11, 2, 3, 10, 11
            xnc_quarter 20, 21, 17, 0, 48, 6, 7, 14, 15, 6, 7, 14, 15
        "
    };
}

/// A lane for every pair of words of a group.
macro_rules! quarters_of_pairs {
    () => {
        r"
            xnc_quarter 25, 27, 16, 6, 0, 0, 0, 8, 8, 4, 4, 12, 12
            xnc_quarter 25, 27, 17, 2, 32, 1, 1, 9, 9, 5, 5, 13, 13
            ushr v20.16b, v20.16b, 4
            ushr v21.16b, v21.16b, 4
            xnc_quarter 20, 21, 16, 4, 16, 2, 2, 10, 10, 6, 6, 14, 14
            xnc_quarter 20, 21, 17, 0, 48, 3, 3, 11, 11, 7, 7, 15, 15
        "
    };
}

/// As [`groups`], under the control word of pairs.
macro_rules! pair_groups {
    ($turn:ident, $c:ident, $groups:ident, $phase:ident, $times:expr, $x_size:literal) => {{
        let status: u64;
        groups!(
            $turn, $c, $groups, $phase, $times, quarters_of_pairs!(), $x_size,
            "mrs {before}, fpcr\nmsr fpcr, {control}\nmsr fpsr, xzr", "mrs {status}, fpsr\nmsr fpcr, {before}";
            before = out(reg) _, status = out(reg) status, control = in(reg) SUBNORMALS_AS_ZERO,
        );
        status & UNDERFLOW == 0
    }};
}

impl Turn<f32> {
    /// Goes through whole groups.
    ///
    /// # Safety
    /// Groups lie inside a payload; rooms, biases and activations are as long as the row.
    pub(super) unsafe fn groups<const PHASE: bool>(&mut self, c: &Constants, groups: usize) {
        // SAFETY: reads and writes what the caller promises.
        unsafe { groups!(self, c, groups, PHASE, times_f32!(), quarters!(), 256, "", "";) };
    }

    /// The same, where activations were BF16; whether the result is the one that is defined.
    ///
    /// # Safety
    /// As [`Turn::groups`].
    pub(super) unsafe fn pairs<const PHASE: bool>(&mut self, c: &Constants, groups: usize) -> bool {
        // SAFETY: as above; the control word is put back.
        unsafe { pair_groups!(self, c, groups, PHASE, times_f32!(), 256) }
    }
}

impl Turn<u16> {
    /// As [`Turn::pairs`].
    ///
    /// # Safety
    /// As [`Turn::groups`]; the machine has the instructions.
    #[target_feature(enable = "bf16")]
    pub(super) unsafe fn pairs<const PHASE: bool>(&mut self, c: &Constants, groups: usize) -> bool {
        // SAFETY: as above.
        unsafe { pair_groups!(self, c, groups, PHASE, times_bf16!(), 128) }
    }
}
