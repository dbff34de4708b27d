use super::{Best, GROUP, Set, packed};
use std::ops::Range;

pub fn search(set: &Set, groups: Range<usize>, queries: &[&[i8]], best: &mut [Best]) {
    let (packed, bias) = packed(set.stride, queries);
    for g in groups {
        let group = &set.bytes[g * GROUP * set.stride..][..GROUP * set.stride];
        for (i, b) in best.iter_mut().enumerate() {
            let mut sum = [bias[i]; GROUP];
            for (four, p) in group.chunks_exact(GROUP * 4).zip(&packed) {
                let q = p[i].to_le_bytes();
                for (s, e) in sum.iter_mut().zip(four.chunks_exact(4)) {
                    *s += (0..4).map(|k| e[k] as i32 * q[k] as i8 as i32).sum::<i32>();
                }
            }
            for (k, s) in sum.iter().enumerate() {
                b.offer(*s as f32 * set.reciprocal[g * GROUP + k], (g * GROUP + k) as u32);
            }
        }
    }
}
