//! Sums in a fixed order that compilers turn into vector instructions.

const LANES: usize = 16;

/// Sum of products.
///
/// # Panics
/// If the lengths differ.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Adds `factor * x` to `out`.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(out: &mut [f32], factor: f32, x: &[f32]) {
    assert_eq!(out.len(), x.len());
    for (out, x) in out.iter_mut().zip(x) {
        *out += factor * x;
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
            add_scaled(&mut out, 2.0, &b);
            assert!((0..length as usize).all(|i| out[i] == a[i] + 2.0 * b[i]));
        }
    }
}
