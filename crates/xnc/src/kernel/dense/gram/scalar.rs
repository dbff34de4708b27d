use super::{Pair, TILE};

pub fn add(a: &[Pair], b: &[Pair], sums: &mut [i64], width: usize) {
    // The two words of a pair.
    let words = |pair: i32| [i32::from(pair as i16), pair >> 16];
    for (i, sums) in sums.chunks_mut(width).enumerate().take(TILE) {
        let mut of = [0i32; TILE];
        for (a, b) in a.iter().zip(b) {
            let [a0, a1] = words(a[i]);
            for (of, &b) in of.iter_mut().zip(b) {
                let [b0, b1] = words(b);
                *of += a0 * b0 + a1 * b1;
            }
        }
        sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += i64::from(of));
    }
}
