//! AVX2: the tiers of one row beside the words and sums of the row before.
//!
//! Tiers are a chain of dependent steps in general registers, words are many independent ones in vector registers. Were both of the same
//! group, the machine's queues would fill with vector instructions that wait for tiers; a row apart, neither waits.

use std::arch::x86_64::*;

use super::super::Aligned;
use super::super::dot::{sum_avx2 as sum, sum_pairs_avx2 as sum_pairs};
use super::super::row::{GROUP, RowShape, SPARE, place, plane_bit};
use super::super::unpack::avx2::{Bits, Unpack};
use super::{Exception, Rows, column};

/// Floats of a group on the desk: its activations, then room for three planes.
const PLACE: usize = GROUP + 8;

/// Bytes of a group's record in a row.
const RECORD: usize = 80;

/// Rows whose lanes are added together: each sum waits for itself alone.
const BATCH: usize = 16;

/// How many bytes ahead of the next row's tiers the loop asks for.
const AHEAD: usize = 2048;

/// Activations, with the code planes of the next row's groups beside them: one pointer finds both.
#[derive(Clone)]
pub(super) struct Desk {
    places: Aligned<f32>,
    pairs: bool,
}

impl Desk {
    /// `x` as [`super::super::dot::arrange`] orders it; `pairs` sums as `vdpbf16ps` does.
    pub(super) fn new(x: &[f32], pairs: bool) -> Self {
        let mut places = Aligned::new(x.len() / GROUP * PLACE, 0.0);
        for (place, x) in places.chunks_exact_mut(PLACE).zip(x.chunks_exact(GROUP)) {
            place[..GROUP].copy_from_slice(x);
        }
        Desk { places, pairs }
    }
}

/// Puts the code planes of a group on the desk.
#[inline]
fn file(place: &mut [f32; PLACE], planes: [u64; 3]) {
    for (slot, plane) in place[GROUP..].as_chunks_mut::<2>().0.iter_mut().zip(planes) {
        *slot = [f32::from_bits(plane as u32), f32::from_bits((plane >> 32) as u32)];
    }
}

/// The code planes of a group on the desk.
#[inline]
fn filed(place: &[f32; PLACE]) -> [u64; 3] {
    let planes = place[GROUP..].as_chunks::<2>().0;
    std::array::from_fn(|i| u64::from(planes[i][1].to_bits()) << 32 | u64::from(planes[i][0].to_bits()))
}

/// Gives the words listed the spare code on the desk, and that code their upper bytes: all of a sign have the same.
#[inline]
fn spare(listed: &[Exception], places: &mut [[f32; PLACE]], upper: &mut [u8; 16]) {
    for exception in listed {
        let column = column(exception);
        let bit = plane_bit(place(column % GROUP));
        let place = &mut places[column / GROUP];
        let mut planes = filed(place);
        for (i, plane) in planes.iter_mut().enumerate() {
            *plane = *plane & !(1 << bit) | (SPARE as u64 >> i & 1) << bit;
        }
        file(place, planes);
        upper[SPARE + usize::from(exception[2] >> 7) * 8] = exception[2];
    }
}

/// What the loop turns over.
struct Turn {
    /// Records of the row in work and of the next.
    records: [*const [u8; RECORD]; 2],
    /// The next row's tiers.
    bits: Bits,
    places: *mut [f32; PLACE],
    groups: usize,
    upper: *const [u8; 16],
    lanes: *mut [__m256; 4],
}

/// `words` from a group to the sums, in the order of its kind of lanes. `$odd` and `$even` are what takes the odd and even words.
macro_rules! assembly {
    ($turn:expr, $unpack:expr, $($fma:literal),*) => {{
        let turn: Turn = $turn;
        let unpack: &Unpack = $unpack;
        let [_, down, up, low, high, nibble] = unpack.registers();
        // SAFETY: reads `groups` records of both rows, reads and writes as many places; the streams stay where `Bits` says. There is one
        // turn at least.
        std::arch::asm!(
            "vbroadcasti128 {upper}, [{t}]",
            "vpxor {l0:x}, {l0:x}, {l0:x}",
            "vpxor {l1:x}, {l1:x}, {l1:x}",
            "vpxor {l2:x}, {l2:x}, {l2:x}",
            "vpxor {l3:x}, {l3:x}, {l3:x}",
            "2:",
            "vpbroadcastq {q2}, [{x} + 272]",
            "vpbroadcastq {q1}, [{x} + 264]",
            "vpbroadcastq {q0}, [{x} + 256]",
            "vpbroadcastq {q3}, [{p} + 8]",
            // The second tier.
            "bextr {t}, {second}, {shift}",
            "vpsrlvq {q2}, {q2}, {down}",
            "vpsrlvq {q1}, {q1}, {down}",
            "bzhi {c}, {second}, {three}",
            "vpsrlvq {q0}, {q0}, {down}",
            "vpsllvq {q3}, {q3}, {up}",
            "shrx {t}, qword ptr [{t}], {c}",
            "vpand {q2}, {q2}, {low}",
            "vpand {q1}, {q1}, {low}",
            // The other stream.
            "bextr {v}, {rest}, {shift}",
            "vpand {q0}, {q0}, {low}",
            "vpand {q3}, {q3}, {high}",
            "bzhi {c}, {rest}, {three}",
            "vpaddb {q2}, {q2}, {q2}",
            "vpor {q0}, {q0}, {q3}",
            "shrx {v}, qword ptr [{v}], {c}",
            "vpor {q2}, {q2}, {q1}",
            "vpaddb {q2}, {q2}, {q2}",
            "pdep {t}, {t}, qword ptr [{n}]",
            "vpor {q2}, {q2}, {q0}",
            "vmovdqu {q0}, [{p} + 16]",
            "popcnt {c}, qword ptr [{n}]",
            "vmovdqu {q1}, [{p} + 48]",
            "add {second}, {c}",
            // The third tier.
            "pdep {a}, {v}, {t}",
            "vpand {q3}, {q2}, {nibble}",
            "popcnt {c}, {t}",
            "vpsrlw {q2}, {q2}, 4",
            "vpand {q2}, {q2}, {nibble}",
            "shrx {v}, {v}, {c}",
            "vpshufb {q3}, {upper}, {q3}",
            "vpshufb {q2}, {upper}, {q2}",
            "add {rest}, {c}",
            "vpunpcklbw {w}, {q0}, {q3}",
            "vpunpckhbw {q0}, {q0}, {q3}",
            // The last two bits.
            "pdep {b}, {v}, {a}",
            "popcnt {c}, {a}",
            "shrx {v}, {v}, {c}",
            "lea {rest}, [{rest} + 2*{c}]",
            "pdep {v}, {v}, {a}",
            $($fma,)*
            // The planes of the codes: as `code_planes`.
            "xor {b}, qword ptr [{n}]",
            "xor {v}, {t}",
            "mov [{x} + 256], {b}",
            "mov [{x} + 264], {v}",
            "mov [{x} + 272], {a}",
            "prefetcht0 [{n} + {ahead}]",
            "add {n}, 80",
            "add {p}, 80",
            "add {x}, 288",
            "cmp {x}, {end}",
            "jne 2b",
            "vmovaps [{lanes}], {l0}",
            "vmovaps [{lanes} + 32], {l1}",
            "vmovaps [{lanes} + 64], {l2}",
            "vmovaps [{lanes} + 96], {l3}",
            ahead = const AHEAD,
            p = inout(reg) turn.records[0] => _,
            n = inout(reg) turn.records[1] => _,
            x = inout(reg) turn.places => _,
            end = in(reg) turn.places.add(turn.groups),
            lanes = in(reg) turn.lanes,
            second = inout(reg) turn.bits.second => _,
            rest = inout(reg) turn.bits.rest => _,
            shift = in(reg) 0x3d03_u64,
            three = in(reg) 3_u64,
            t = inout(reg) turn.upper => _,
            v = out(reg) _, c = out(reg) _, a = out(reg) _, b = out(reg) _,
            l0 = out(ymm_reg) _, l1 = out(ymm_reg) _, l2 = out(ymm_reg) _, l3 = out(ymm_reg) _,
            q0 = out(ymm_reg) _, q1 = out(ymm_reg) _, q2 = out(ymm_reg) _, q3 = out(ymm_reg) _, w = out(ymm_reg) _,
            upper = out(ymm_reg) _,
            down = in(ymm_reg) down,
            up = in(ymm_reg) up,
            low = in(ymm_reg) low,
            high = in(ymm_reg) high,
            nibble = in(ymm_reg) nibble,
            odd = in(ymm_reg) _mm256_set1_epi32(0xffff_0000_u32.cast_signed()),
            options(nostack),
        );
    }};
}

impl Turn {
    /// A row without exceptions left: as [`super::super::dot`] does with F32 activations.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    unsafe fn f32(self, unpack: &Unpack) {
        // SAFETY: in the macro.
        unsafe {
            assembly!(
                self,
                unpack,
                "vpslld {q3}, {w}, 16",
                "vpand {w}, {w}, {odd}",
                "vfmadd231ps {l0}, {q3}, [{x}]",
                "vfmadd231ps {l1}, {w}, [{x} + 32]",
                "vpunpcklbw {w}, {q1}, {q2}",
                "vpunpckhbw {q1}, {q1}, {q2}",
                "vpslld {q3}, {w}, 16",
                "vpand {w}, {w}, {odd}",
                "vfmadd231ps {l2}, {q3}, [{x} + 64]",
                "vfmadd231ps {l3}, {w}, [{x} + 96]",
                "vpslld {q3}, {q0}, 16",
                "vpand {q0}, {q0}, {odd}",
                "vfmadd231ps {l0}, {q3}, [{x} + 128]",
                "vfmadd231ps {l1}, {q0}, [{x} + 160]",
                "vpslld {q3}, {q1}, 16",
                "vpand {q1}, {q1}, {odd}",
                "vfmadd231ps {l2}, {q3}, [{x} + 192]",
                "vfmadd231ps {l3}, {q1}, [{x} + 224]"
            );
        }
    }

    /// As [`Turn::f32`], with BF16 activations.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    unsafe fn pairs(self, unpack: &Unpack) {
        // SAFETY: in the macro.
        unsafe {
            assembly!(
                self,
                unpack,
                "vpslld {q3}, {w}, 16",
                "vpand {w}, {w}, {odd}",
                "vfmadd231ps {l0}, {w}, [{x} + 32]",
                "vpunpcklbw {w}, {q1}, {q2}",
                "vpunpckhbw {q1}, {q1}, {q2}",
                "vfmadd231ps {l0}, {q3}, [{x}]",
                "vpand {q2}, {w}, {odd}",
                "vpslld {w}, {w}, 16",
                "vfmadd231ps {l1}, {q2}, [{x} + 96]",
                "vpand {q3}, {q0}, {odd}",
                "vpslld {q0}, {q0}, 16",
                "vfmadd231ps {l2}, {q3}, [{x} + 160]",
                "vpand {q2}, {q1}, {odd}",
                "vpslld {q1}, {q1}, 16",
                "vfmadd231ps {l3}, {q2}, [{x} + 224]",
                "vfmadd231ps {l1}, {w}, [{x} + 64]",
                "vfmadd231ps {l2}, {q0}, [{x} + 128]",
                "vfmadd231ps {l3}, {q1}, [{x} + 192]"
            );
        }
    }
}

/// What the loop needs of a row.
#[derive(Clone, Copy)]
struct Seen<'a> {
    records: *const [u8; RECORD],
    bits: Bits,
    listed: &'a [Exception],
}

#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
pub(super) fn rows<'a>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> &'a [Exception],
    desk: &mut Desk,
    out: &mut [f32],
) {
    let (groups, count) = (shape.groups(), out.len());
    assert!(shape.record() == RECORD && shape.tail() == 0 && groups > 0);
    assert!(desk.places.len() == groups * PLACE && rows.at.len() == count + 1);
    let pairs = desk.pairs;
    let unpack = Unpack::new(upper);
    let places = desk.places.as_chunks_mut::<PLACE>().0;
    let mut see = |i: usize| {
        let row = &rows.payload[rows.at[i]..];
        let records = row[1..][..groups * RECORD].as_chunks().0;
        Seen { records: records.as_ptr(), bits: Bits::new(shape, row, records), listed: listed(i) }
    };
    if count == 0 {
        return;
    }
    // The tiers of the first row, before the loop.
    let mut row = see(0);
    for (group, place) in places.iter_mut().enumerate() {
        // SAFETY: one call a record of this row.
        file(place, unsafe { row.bits.planes(&*row.records.add(group)) });
    }
    let mut table = *upper;
    spare(row.listed, places, &mut table);
    let mut next = if count > 1 { see(1) } else { see(0) };
    let mut lanes = [[_mm256_setzero_ps(); 4]; BATCH];
    for (batch, out) in out.chunks_mut(BATCH).enumerate() {
        for (j, lanes) in lanes[..out.len()].iter_mut().enumerate() {
            // Two rows early: its bits are counted while others are multiplied. After the last row that one's own tiers are read
            // once more: no special case, and nobody uses them.
            let i = batch * BATCH + j + 2;
            let after = if i < count { see(i) } else { next };
            let turn = Turn {
                records: [row.records, next.records],
                bits: next.bits,
                places: places.as_mut_ptr(),
                groups,
                upper: &raw const table,
                lanes,
            };
            // SAFETY: pointers to as many records and places; the row's `Bits`.
            unsafe { if pairs { turn.pairs(&unpack) } else { turn.f32(&unpack) } }
            if !next.listed.is_empty() {
                table = *upper;
                spare(next.listed, places, &mut table);
            }
            (row, next) = (next, after);
        }
        for (lanes, out) in lanes.iter().zip(out) {
            *out = if pairs { sum_pairs(*lanes) } else { sum(*lanes) };
        }
    }
}
