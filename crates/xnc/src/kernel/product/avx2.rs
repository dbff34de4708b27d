//! AVX2: the tiers of one row beside the words and sums of the row before.
//!
//! Tiers are a chain of dependent steps in general registers, words are many independent ones in vector registers. Were both of the same
//! group, the machine's queues would fill with vector instructions that wait for tiers; a row apart, neither waits.

use std::arch::x86_64::*;

use super::super::Aligned;
use super::super::dot::{
    pair_step_avx2 as pair_step, step_avx2 as step, sum_avx2 as sum, sum_pairs_avx2 as sum_pairs,
};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::avx2::{Bits, Unpack};
use super::{Exception, Rows, column, patch};

/// Floats of a group on the desk: its activations, then room for three planes.
const PLACE: usize = GROUP + 8;

/// Bytes of a group's record in a row.
const RECORD: usize = 80;

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

/// Where the loop stands.
struct State<'a> {
    unpack: Unpack,
    places: &'a mut [[f32; PLACE]],
    /// Records of the row in work and of the next.
    records: [&'a [[u8; RECORD]]; 2],
    /// The next row's tiers.
    bits: Bits,
    group: usize,
    lane: [__m256; 4],
}

/// `words` from a group to the sums, in the order of its kind of lanes. `$odd` and `$even` are what takes the odd and even words.
macro_rules! assembly {
    ($state:expr, $groups:expr, $($fma:literal),*) => {{
        let state: &mut State<'_> = $state;
        let at = state.group;
        let groups: usize = $groups;
        let [row, next] = state.records.map(|records| records[at..][..groups].as_ptr());
        let places = state.places[at..][..groups].as_mut_ptr();
        let [l0, l1, l2, l3] = state.lane;
        let [upper, down, up, low, high, nibble] = state.unpack.registers();
        // SAFETY: reads `groups` records of both rows, reads and writes as many places; the streams stay where `Bits` says. There is one
        // turn at least.
        std::arch::asm!(
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
            "add {n}, 80",
            "add {p}, 80",
            "add {x}, 288",
            "cmp {x}, {end}",
            "jne 2b",
            p = inout(reg) row => _,
            n = inout(reg) next => _,
            x = inout(reg) places => _,
            end = in(reg) places.add(groups),
            second = inout(reg) state.bits.second,
            rest = inout(reg) state.bits.rest,
            shift = in(reg) 0x3d03_u64,
            three = in(reg) 3_u64,
            t = out(reg) _, v = out(reg) _, c = out(reg) _, a = out(reg) _, b = out(reg) _,
            l0 = inout(ymm_reg) l0 => state.lane[0],
            l1 = inout(ymm_reg) l1 => state.lane[1],
            l2 = inout(ymm_reg) l2 => state.lane[2],
            l3 = inout(ymm_reg) l3 => state.lane[3],
            q0 = out(ymm_reg) _, q1 = out(ymm_reg) _, q2 = out(ymm_reg) _, q3 = out(ymm_reg) _, w = out(ymm_reg) _,
            upper = in(ymm_reg) upper,
            down = in(ymm_reg) down,
            up = in(ymm_reg) up,
            low = in(ymm_reg) low,
            high = in(ymm_reg) high,
            nibble = in(ymm_reg) nibble,
            odd = in(ymm_reg) _mm256_set1_epi32(0xffff_0000_u32.cast_signed()),
            options(nostack),
        );
        state.group += groups;
    }};
}

impl State<'_> {
    /// Whole groups without exceptions, one at least: as [`step`] four times.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    fn run_f32(&mut self, groups: usize) {
        // SAFETY: in the macro.
        unsafe {
            assembly!(
                self,
                groups,
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

    /// As [`State::run_f32`], as [`pair_step`] four times.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    fn run_pairs(&mut self, groups: usize) {
        // SAFETY: in the macro.
        unsafe {
            assembly!(
                self,
                groups,
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

    /// One group that has exceptions.
    #[cold]
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    fn patched(&mut self, pairs: bool, listed: &mut &[Exception]) {
        let place = &mut self.places[self.group];
        let [row, next] = self.records.map(|records| &records[self.group]);
        let planes = place[GROUP..].as_chunks::<2>().0;
        let plane = |i: usize| u64::from(planes[i][1].to_bits()) << 32 | u64::from(planes[i][0].to_bits());
        let words = self.unpack.words::<false, RECORD>(row, [plane(0), plane(1), plane(2)]);
        // SAFETY: four registers of sixteen words are 64 words.
        let mut words: [u16; GROUP] = unsafe { std::mem::transmute(words) };
        patch(&mut words, self.group, listed);
        // SAFETY: as above.
        let words: [__m256i; 4] = unsafe { std::mem::transmute(words) };
        let x: &[f32; GROUP] = place[..GROUP].try_into().expect("a group");
        let [a, b, c, d] = self.lane;
        self.lane = if pairs {
            let [a, b] = [pair_step(words[0], x, 0, a), pair_step(words[1], x, 16, b)];
            [a, b, pair_step(words[2], x, 32, c), pair_step(words[3], x, 48, d)]
        } else {
            let [a, b] = step(words[2], x, 32, step(words[0], x, 0, [a, b]));
            let [c, d] = step(words[3], x, 48, step(words[1], x, 16, [c, d]));
            [a, b, c, d]
        };
        self.file(next);
    }

    /// Puts the next row's planes of this group on the desk, and goes on to the next group.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn file(&mut self, record: &[u8; RECORD]) {
        // SAFETY: the stream stays where `Bits` says.
        let planes = unsafe { self.bits.planes(record) };
        let place = self.places[self.group][GROUP..].as_chunks_mut::<2>().0;
        for (place, plane) in place.iter_mut().zip(planes) {
            *place = [f32::from_bits(plane as u32), f32::from_bits((plane >> 32) as u32)];
        }
        self.group += 1;
    }
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
    assert!(shape.record() == RECORD && desk.places.len() == shape.groups() * PLACE);
    let row = |i: usize| &rows.payload[rows.at[i]..];
    let records = |i: usize| row(i)[1..][..shape.groups() * RECORD].as_chunks().0;
    if out.is_empty() {
        return;
    }
    let mut state = State {
        unpack: Unpack::new(upper),
        places: desk.places.as_chunks_mut().0,
        records: [records(0); 2],
        bits: Bits::new(shape, row(0), records(0)),
        group: 0,
        lane: [_mm256_setzero_ps(); 4],
    };
    records(0).iter().for_each(|record| state.file(record));
    let last = out.len() - 1;
    for (i, out) in out.iter_mut().enumerate() {
        let mut listed = listed(i);
        // After the last row its own tiers once more: no special case, and nobody reads them.
        let next = last.min(i + 1);
        state.records = [records(i), records(next)];
        state.bits = Bits::new(shape, row(next), records(next));
        (state.group, state.lane) = (0, [_mm256_setzero_ps(); 4]);
        loop {
            let until = listed.first().map_or(shape.groups(), |first| column(first) / GROUP);
            if until > state.group {
                let groups = until - state.group;
                if desk.pairs { state.run_pairs(groups) } else { state.run_f32(groups) }
            }
            if until == shape.groups() {
                break;
            }
            state.patched(desk.pairs, &mut listed);
        }
        *out = if desk.pairs { sum_pairs(state.lane) } else { sum(state.lane) };
    }
}
