//! AVX2: the unpacking loop with the plain product's step at its end.

use std::arch::x86_64::*;

use super::super::dot::{step_avx2 as step, sum_avx2 as sum};
use super::super::row::{GROUP, RowShape};
use super::super::unpack::ahead;
use super::super::unpack::avx2::Unpack;

#[target_feature(enable = "avx2,bmi1,bmi2,fma,popcnt")]
pub(super) fn rows_f32(
    shape: RowShape,
    upper: &[u8; 16],
    payload: &[u8],
    at: &[usize],
    x: &[f32],
    out: &mut [f32],
) {
    let unpack = Unpack::new(shape, upper);
    let x = x.as_chunks::<GROUP>().0;
    for (i, out) in out.iter_mut().enumerate() {
        ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        if row[0] != 0 {
            continue;
        }
        let [mut a, mut b] = [[_mm256_setzero_ps(); 2]; 2];
        unpack.groups::<_, false, 80>(row, x.iter(), |x: &[f32; GROUP], words: [__m256i; 4]| {
            a = step(words[0], x, 0, a);
            b = step(words[1], x, 16, b);
            a = step(words[2], x, 32, a);
            b = step(words[3], x, 48, b);
        });
        *out = sum([a[0], a[1], b[0], b[1]]);
    }
}
