//! Sums in a fixed order that compilers turn into vector instructions: those of any processor, or inside
//! [`pulp::Arch::dispatch`] those of this one, with the same bits.

/// Sums that run side by side.
pub const LANES: usize = 16;

/// Sum of products.
///
/// # Panics
/// If the lengths differ.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let mut rest = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        rest += a * b;
    }
    lanes.iter().sum::<f32>() + rest
}

/// Adds `factors[0] * x[0] + factors[1] * x[1] + ..` to `out`, where `x` holds four vectors of its length.
///
/// # Panics
/// If the lengths differ.
#[inline(always)]
pub fn add_four(out: &mut [f32], factors: [f32; 4], x: &[f32]) {
    let length = out.len();
    assert_eq!(4 * length, x.len());
    let ((a, b), (c, d)) = {
        let (ab, cd) = x.split_at(2 * length);
        (ab.split_at(length), cd.split_at(length))
    };
    for i in 0..length {
        out[i] += (factors[0] * a[i] + factors[1] * b[i]) + (factors[2] * c[i] + factors[3] * d[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_exact_arithmetic() {
        for length in [0, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 5) as f32 - 2.0).collect();
            let exact: i64 = (0..i64::from(length)).map(|i| (i % 7 - 3) * (i % 5 - 2)).sum();
            assert_eq!(dot(&a, &b), exact as f32);
            let mut out = a.clone();
            add_four(&mut out, [2.0, 0.0, 1.0, -3.0], &[&b[..], &a, &a, &b].concat());
            assert!((0..length as usize).all(|i| out[i] == 2.0 * a[i] - b[i]));
        }
    }
}
