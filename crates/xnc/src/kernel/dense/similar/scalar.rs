use super::{Found, GROUP, Packed, QUERIES, Set};
use std::ops::Range;

pub fn search(set: &Set, packed: &Packed, groups: Range<usize>, found: &mut Found<'_>) {
    for (number, g) in groups.enumerate() {
        let mut sums = [[0; GROUP]; QUERIES];
        for (i, sums) in sums.iter_mut().enumerate() {
            *sums = [packed.bias[i]; GROUP];
            for (fours, p) in set.group(g).chunks_exact(GROUP * 4).zip(&packed.values) {
                let q = p[i].to_le_bytes().map(|q| i32::from(q.cast_signed()));
                for (sum, four) in sums.iter_mut().zip(fours.chunks_exact(4)) {
                    *sum += four.iter().zip(q).map(|(&v, q)| i32::from(v) * q).sum::<i32>();
                }
            }
        }
        found.take(g, number, &sums);
    }
}

pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
