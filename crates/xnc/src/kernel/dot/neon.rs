//! NEON. With F32 activations two rows are multiplied at a time: activations are loaded once for both.

use std::arch::aarch64::*;

use super::{GROUP, filled, scalar};
use crate::kernel::ahead::prefetch_line;
use crate::kernel::widen::f16_values;

/// 32 lanes: with F32 activations those of the even words 0 to 6, of the odd ones 1 to 7, the same 8, 16 and 24 on;
/// of word pairs 0 to 3, 8 to 11, 4 to 7, 12 to 15, and the same 16 on.
pub(in crate::kernel) type Lanes = [float32x4_t; 8];

/// No sums yet.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel) fn zeros() -> Lanes {
    [vdupq_n_f32(0.0); 8]
}

/// Adds the lanes of a row.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::kernel) fn sum(lanes: Lanes) -> f32 {
    let a: [float32x4_t; 4] = std::array::from_fn(|i| vaddq_f32(lanes[i], lanes[i + 4]));
    quarters(vaddq_f32(vaddq_f32(a[0], a[1]), vaddq_f32(a[2], a[3])))
}

/// Adds lanes that lie in order.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn sum_in_order(lanes: Lanes) -> f32 {
    let a: [float32x4_t; 4] = std::array::from_fn(|i| vaddq_f32(lanes[i], lanes[i + 4]));
    quarters(vaddq_f32(vpaddq_f32(a[0], a[1]), vpaddq_f32(a[2], a[3])))
}

/// Adds four lanes: 2, 1 apart.
#[inline]
#[target_feature(enable = "neon")]
fn quarters(c: float32x4_t) -> f32 {
    vpadds_f32(vadd_f32(vget_low_f32(c), vget_high_f32(c)))
}

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load(words: &[u8; 2 * GROUP], at: usize) -> uint16x8_t {
    let part: &[u8; 16] = words[at..at + 16].try_into().expect("16 bytes");
    // SAFETY: 16 bytes.
    vreinterpretq_u16_u8(unsafe { vld1q_u8(part.as_ptr()) })
}

#[inline]
#[target_feature(enable = "neon")]
pub(super) fn load_f32(x: &[f32; GROUP], at: usize) -> float32x4_t {
    let part: &[f32; 4] = x[at..at + 4].try_into().expect("four floats");
    // SAFETY: four floats.
    unsafe { vld1q_f32(part.as_ptr()) }
}

/// The values of eight BF16 words: of even ones, of odd ones.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn bf16_values(words: uint16x8_t) -> [float32x4_t; 2] {
    let words = vreinterpretq_u32_u16(words);
    [vshlq_n_u32::<16>(words), vandq_u32(words, vdupq_n_u32(0xffff_0000))].map(|v| vreinterpretq_f32_u32(v))
}

macro_rules! loops {
    ($rows:ident, $pair:ident, $values:ident, $sum:ident) => {
        #[target_feature(enable = "neon")]
        pub(super) fn $rows<const AHEAD: usize>(rows: &[u8], dim: usize, x: &[f32], out: &mut [f32]) {
            let x = x.as_chunks().0;
            let (pairs, last) = out.as_chunks_mut();
            let mut rows = rows.chunks_exact(2 * dim);
            for out in pairs {
                let [Some(a), Some(b)] = [rows.next(), rows.next()] else { break };
                *out = $pair::<AHEAD>([a, b], x);
            }
            // A row without another goes with itself.
            if let (Some(row), [out]) = (rows.next(), last) {
                *out = $pair::<AHEAD>([row; 2], x)[0];
            }
        }

        #[inline]
        #[target_feature(enable = "neon")]
        fn $pair<const AHEAD: usize>(rows: [&[u8]; 2], x: &[[f32; GROUP]]) -> [f32; 2] {
            let mut lanes = [zeros(); 2];
            let mut group = |words: [&[u8; 2 * GROUP]; 2], x: &[f32; GROUP]| {
                for i in 0..8 {
                    let x = [0, 4].map(|half| load_f32(x, 8 * i + half));
                    for (lanes, words) in lanes.iter_mut().zip(words) {
                        let values = $values(load(words, 16 * i));
                        for half in 0..2 {
                            let lane = &mut lanes[2 * (i % 4) + half];
                            *lane = vfmaq_f32(*lane, values[half], x[half]);
                        }
                    }
                }
            };
            let [(first, first_tail), (second, second_tail)] = rows.map(|row| row.as_chunks());
            for ((first, second), x) in first.iter().zip(second).zip(x) {
                if AHEAD > 0 {
                    prefetch_row(first, AHEAD);
                    prefetch_row(second, AHEAD);
                }
                group([first, second], x);
            }
            if !first_tail.is_empty() {
                group([&filled(first_tail), &filled(second_tail)], &x[first.len()]);
            }
            lanes.map(|lanes| $sum(lanes))
        }
    };
}

loops!(bf16_rows, bf16_pair, bf16_values, sum);
loops!(f16_rows, f16_pair, f16_values, sum_in_order);

/// Asks for the cache lines of a row that lies `ahead` bytes on.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn prefetch_row(row: &[u8], ahead: usize) {
    for line in (0..row.len()).step_by(64) {
        prefetch_line(row.as_ptr().wrapping_add(ahead + line));
    }
}

/// Control word of `vdpbf16ps`: nearest even, subnormal inputs and results as zero.
pub(in crate::kernel) const SUBNORMALS_AS_ZERO: u64 = 1 << 24;

/// Bit of the status word: a result became zero. These processors look at it before they round it, `vdpbf16ps` once
/// it is rounded, so it may be another (spec/fast.md, section 6), and the portable loop has to tell.
pub(in crate::kernel) const UNDERFLOW: u64 = 1 << 3;

/// # Safety
/// With `bf16`, the machine has the instructions.
#[target_feature(enable = "neon")]
pub(super) unsafe fn pair_rows<const AHEAD: usize>(
    rows: &[u8],
    dim: usize,
    x: &[u16],
    bf16: bool,
    out: &mut [f32],
) {
    let groups = x.as_chunks().0;
    for (row, out) in rows.chunks_exact(2 * dim).zip(out) {
        if AHEAD > 0 {
            prefetch_row(row, AHEAD);
        }
        // SAFETY: as the caller promises.
        match unsafe { pair_row(row, groups, 1, bf16) } {
            Some(sum) => *out = sum,
            None => scalar::pair_rows(row, dim, x, 0, std::slice::from_mut(out)),
        }
    }
}

/// One row of word pairs with every `every`-th group of activations; `None` where only the portable loop knows.
///
/// # Safety
/// As [`pair_rows`].
#[target_feature(enable = "neon")]
pub(super) unsafe fn pair_row(row: &[u8], x: &[[u16; GROUP]], every: usize, bf16: bool) -> Option<f32> {
    let mut lanes = zeros();
    let loops = |words: &[[u8; 2 * GROUP]], x: &[[u16; GROUP]], lanes: &mut Lanes| match bf16 {
        // SAFETY: as the caller promises.
        true => unsafe { pairs_bf16(words, x, every, lanes) },
        false => pairs(words, x, every, lanes),
    };
    let (groups, tail) = row.as_chunks();
    let whole = (groups.is_empty() || loops(groups, x, &mut lanes))
        && (tail.is_empty() || loops(&[filled(tail)], &x[every * groups.len()..], &mut lanes));
    whole.then(|| sum(lanes))
}

/// `xnc_times` multiplies sixteen words: lanes of the first eight, of the others.
macro_rules! pairs {
    ($words:ident, $x:ident, $every:ident, $lanes:ident, $times:literal) => {{
        assert!(!$words.is_empty() && ($words.len() - 1) * $every < $x.len());
        let status: u64;
        // SAFETY: reads `words` to their end and `x` to the group that was just asserted to be there, 128 bytes of each
        // a turn, and the lanes. In assembly because the compiler may assume the ordinary control word everywhere
        // else; it is put back before the block ends.
        unsafe {
            std::arch::asm!(
                ".macro xnc_times at, a, b",
                "ldp q16, q17, [{words}, \\at]",
                "ldp q18, q19, [{x}, \\at]",
                $times,
                ".endm",
                "mrs {before}, fpcr",
                "msr fpcr, {control}",
                "msr fpsr, xzr",
                "mvni v24.4s, 255, msl 8", // odd words
                "ldp q0, q1, [{lanes}]",
                "ldp q2, q3, [{lanes}, 32]",
                "ldp q4, q5, [{lanes}, 64]",
                "ldp q6, q7, [{lanes}, 96]",
                "2:",
                "xnc_times 0, 0, 2",
                "xnc_times 32, 1, 3",
                "xnc_times 64, 4, 6",
                "xnc_times 96, 5, 7",
                "add {words}, {words}, 128",
                "add {x}, {x}, {step}",
                "subs {turns}, {turns}, 1",
                "b.ne 2b",
                "stp q0, q1, [{lanes}]",
                "stp q2, q3, [{lanes}, 32]",
                "stp q4, q5, [{lanes}, 64]",
                "stp q6, q7, [{lanes}, 96]",
                "mrs {status}, fpsr",
                "msr fpcr, {before}",
                ".purgem xnc_times",
                before = out(reg) _,
                status = out(reg) status,
                control = in(reg) SUBNORMALS_AS_ZERO,
                lanes = in(reg) $lanes.as_mut_ptr(),
                words = inout(reg) $words.as_ptr() => _,
                x = inout(reg) $x.as_ptr() => _,
                step = in(reg) $every * size_of::<[u16; GROUP]>(),
                turns = inout(reg) $words.len() => _,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _,
                out("v7") _, out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _,
                out("v22") _, out("v23") _, out("v24") _,
                options(nostack),
            );
        }
        status & UNDERFLOW == 0
    }};
}

/// Goes on with the lanes of word pairs over some groups; whether the result is the one that is defined.
#[target_feature(enable = "neon")]
fn pairs(words: &[[u8; 2 * GROUP]], x: &[[u16; GROUP]], every: usize, lanes: &mut Lanes) -> bool {
    pairs!(
        words,
        x,
        every,
        lanes,
        r"
            and v20.16b, v16.16b, v24.16b
            and v21.16b, v18.16b, v24.16b
            and v22.16b, v17.16b, v24.16b
            and v23.16b, v19.16b, v24.16b
            fmla v\a\().4s, v20.4s, v21.4s
            fmla v\b\().4s, v22.4s, v23.4s
            shl v16.4s, v16.4s, 16
            shl v18.4s, v18.4s, 16
            shl v17.4s, v17.4s, 16
            shl v19.4s, v19.4s, 16
            fmla v\a\().4s, v16.4s, v18.4s
            fmla v\b\().4s, v17.4s, v19.4s
        "
    )
}

/// As [`pairs`]. `bfdot` gives other bits: it rounds otherwise.
#[target_feature(enable = "neon,bf16")]
fn pairs_bf16(words: &[[u8; 2 * GROUP]], x: &[[u16; GROUP]], every: usize, lanes: &mut Lanes) -> bool {
    pairs!(
        words,
        x,
        every,
        lanes,
        r"
            bfmlalt v\a\().4s, v16.8h, v18.8h
            bfmlalt v\b\().4s, v17.8h, v19.8h
            bfmlalb v\a\().4s, v16.8h, v18.8h
            bfmlalb v\b\().4s, v17.8h, v19.8h
        "
    )
}
