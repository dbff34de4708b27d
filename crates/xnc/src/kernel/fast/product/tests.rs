//! What the list of operations does not reach.

use super::*;
use crate::kernel::fast::row::GUARD;

/// Results just below 2^-126, of which spec/fast.md, section 6, says what they are. The word 2^-126 is taken once, and
/// a product of powers of two is taken away.
#[test]
fn a_result_is_subnormal_once_rounded() {
    let power = |exponent: i32| ((127 + exponent) as u16) << 7;
    for (taken, left) in [(-152, f32::MIN_POSITIVE), (-151, f32::MIN_POSITIVE), (-150, 0.0), (-149, 0.0)] {
        let word = power(-76).to_le_bytes();
        // Symbols by rank: those of zeros and of 2^-126, and that of the other word. Word 0 is negative.
        let symbols =
            Symbols { ranked: [0, word[1], 1, 2], added: [0; 16], bias: &[0; GROUP], phase: 0, listed: 0 };
        let mut payload = [0; LOWER + GROUP + GUARD];
        (payload[0], payload[RANKS]) = (1, 1);
        (payload[LOWER], payload[LOWER + 1]) = (word[0], 0x80);
        let mut x = [0; GROUP];
        (x[0], x[1]) = (power(taken + 76), power(0));
        let shape = RowShape { dim: GROUP, split: WordSplit::Bf16 };
        for backend in Backend::every_kind() {
            let mut fused = Fused::bf16(backend, shape, symbols, &x).expect("a row that suits");
            let mut out = [9.0; 3];
            fused.times(&payload, &[Row { at: 0, listed: 0 }; 3], &mut out);
            assert_eq!(out, [left; 3], "{backend:?} 2^{taken}");
        }
    }
}
