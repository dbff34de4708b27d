//! The dot product of bytes that ARM machines may have.
use core::arch::aarch64::int32x4_t;
use core::arch::asm;

/// Adds to each dword of `sum` the products of the four signed bytes of the dword of `bytes` with those of
/// dword `LANE` of `by`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub fn sdot<const LANE: usize>(mut sum: int32x4_t, bytes: int32x4_t, by: int32x4_t) -> int32x4_t {
    const { assert!(LANE < 4) };
    // SAFETY: arithmetic on registers. The standard library of Rust 1.89 has no stable name for it.
    unsafe {
        asm!("sdot {0:v}.4s, {1:v}.16b, {2:v}.4b[{3}]", inout(vreg) sum, in(vreg) bytes, in(vreg) by, const LANE,
            options(pure, nomem, nostack, preserves_flags));
    }
    sum
}
