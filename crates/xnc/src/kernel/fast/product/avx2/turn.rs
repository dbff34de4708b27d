//! The loop: words and sums of a row, beside the tiers of the next.

use std::arch::x86_64::*;

use super::super::seen::{AHEAD, RECORD};
use super::PLACE;
use crate::kernel::fast::unpack::{avx2::Unpack, bits::Bits};

/// One pass of the loop.
///
/// To run it, `records` shall point at `groups` records each and `places` at as many places, one at least;
/// `bits` shall be those of the second row, so that its streams stay where [`Bits`] says; nothing else may
/// use the places, nor what `lanes` points at.
pub(super) struct Turn {
    /// Records of the row in work, whose planes lie on the desk, and of the next.
    pub records: [*const [u8; RECORD]; 2],
    /// The next row's tiers.
    pub bits: Bits,
    pub places: *mut [u64; PLACE],
    pub groups: usize,
    /// Upper bytes by code, of the row in work.
    pub upper: *const [u8; 16],
    /// Where the row's sums go.
    pub lanes: *mut [__m256; 4],
}

/// A pass over a row. `$fma` takes the words of half a group from `w` and `q0`, the other half from `q1`
/// (lower bytes) and `q2` (upper ones), where biases are still to be added, to the lanes `l0` to `l3`; `q3`
/// is free.
macro_rules! assembly {
    ($turn:expr, $unpack:expr, $($fma:literal),*) => {{
        let turn: Turn = $turn;
        let unpack: &Unpack = $unpack;
        let [down, up, low, high, nibble] = unpack.registers();
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
            "vpbroadcastq {q3}, [{n} + {p} + 8]",
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
            "vmovdqu {q0}, [{n} + {p} + 16]",
            "popcnt {c}, qword ptr [{n}]",
            "vmovdqu {q1}, [{n} + {p} + 48]",
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
            "vpaddw {w}, {w}, [{x} + 288]",
            "vpaddw {q0}, {q0}, [{x} + 352]",
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
            "prefetcht0 [{n} + {ahead} + 64]",
            "add {n}, 80",
            "add {x}, 416",
            "cmp {x}, {end}",
            "jne 2b",
            "vmovaps [{lanes}], {l0}",
            "vmovaps [{lanes} + 32], {l1}",
            "vmovaps [{lanes} + 64], {l2}",
            "vmovaps [{lanes} + 96], {l3}",
            ahead = const AHEAD,
            p = in(reg) turn.records[0].addr().wrapping_sub(turn.records[1].addr()),
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
    /// With F32 activations: lanes of even and odd words, as [`crate::kernel::dot`] has them.
    ///
    /// # Safety
    /// As [`Turn`] says.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    pub unsafe fn f32(self, unpack: &Unpack) {
        // SAFETY: as the caller promises; no register or flag is left changed but those named.
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
                "vpaddw {w}, {w}, [{x} + 320]",
                "vpaddw {q1}, {q1}, [{x} + 384]",
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

    /// With BF16 activations: the odd words of a lane before the even ones.
    ///
    /// # Safety
    /// As [`Turn`] says.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
    pub unsafe fn pairs(self, unpack: &Unpack) {
        // SAFETY: as the caller promises; no register or flag is left changed but those named.
        unsafe {
            assembly!(
                self,
                unpack,
                "vpslld {q3}, {w}, 16",
                "vpand {w}, {w}, {odd}",
                "vfmadd231ps {l0}, {w}, [{x} + 32]",
                "vpunpcklbw {w}, {q1}, {q2}",
                "vpunpckhbw {q1}, {q1}, {q2}",
                "vpaddw {w}, {w}, [{x} + 320]",
                "vpaddw {q1}, {q1}, [{x} + 384]",
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
