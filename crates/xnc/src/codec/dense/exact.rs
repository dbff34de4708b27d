//! Logarithms and powers of two from operations that IEEE 754 defines to the bit (sums, products, quotients),
//! so that an encoder decides the same on every machine; a system library's last bits are its own.

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// Mantissa bits of an `f64`, and the bias of its exponent.
const MANTISSA: u32 = 52;
const BIAS: i32 = 1023;

/// The largest whole number whose power of two is at most `x`, which is positive and normal.
pub fn octave(x: f64) -> i32 {
    (x.to_bits() >> MANTISSA) as i32 - BIAS
}

/// `2^n`, for normal results; the nearest of these otherwise.
pub fn power_of_two(n: i32) -> f64 {
    f64::from_bits(((n.clamp(1 - BIAS, BIAS) + BIAS) as u64) << MANTISSA)
}

/// Logarithm of a positive normal number to base two, to about 15 digits.
pub fn log2(x: f64) -> f64 {
    let mut whole = octave(x);
    let mut m = x / power_of_two(whole);
    if m > SQRT_2 {
        (m, whole) = (0.5 * m, whole + 1);
    }
    // ln m = 2 artanh s; s is at most 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let series = (0..9).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    f64::from(whole) + 2.0 * LOG2_E * s * series
}

/// `2^x`, to about 15 digits, for normal results.
pub fn exp2(x: f64) -> f64 {
    let whole = x.round();
    let t = (x - whole) * LN_2;
    let series = (1..15).rev().fold(1.0, |sum, k| 1.0 + sum * t / f64::from(k));
    series * power_of_two(whole as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_system_has_them() {
        for k in -4000..4000 {
            let x = f64::from(k) * 0.0173;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-14, "2^{x}");
            assert!((log2(x.exp2()) - x).abs() < 1e-13, "log2 of 2^{x}");
        }
        for n in 1..70_000u32 {
            assert!((log2(f64::from(n)) - f64::from(n).log2()).abs() < 1e-14 * 17.0, "log2 {n}");
            assert_eq!(octave(f64::from(n)), n.ilog2() as i32);
        }
        assert_eq!((power_of_two(-3), power_of_two(10)), (0.125, 1024.0));
    }
}
