//! Sums over the earlier dimensions of rows.
use super::super::Tables;
use super::super::vectors::dots::TOGETHER;
use super::super::vectors::scratch::Dwords;
use super::cell::{V, load, set};
use core::arch::x86_64::*;

/// Sums of dimensions `j` and `j + 1`, `j` even, over all quads before theirs.
#[inline]
#[target_feature(enable = "avx2")]
pub fn far<const N: usize>(t: &Tables, j: usize, seen: &[Dwords]) -> [[V; N]; TOGETHER] {
    let mut sum = [[_mm256_setzero_si256(); N]; TOGETHER];
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum = [set(-t.vectors.dots.bias[j + i]); N];
    }
    let (runs, mut rest) = t.vectors.dots.of(j);
    for run in runs {
        let quads = seen[usize::from(run.from) * N..usize::from(run.to) * N].chunks_exact(N);
        let (coefs, more) = rest.split_at(quads.len());
        rest = more;
        let mut short = [[_mm256_setzero_si256(); N]; TOGETHER];
        for (e, c) in quads.zip(coefs) {
            for i in 0..TOGETHER {
                let c = set(c[i]);
                for h in 0..N {
                    short[i][h] = _mm256_add_epi16(short[i][h], _mm256_maddubs_epi16(load(&e[h].0), c));
                }
            }
        }
        for i in 0..TOGETHER {
            for h in 0..N {
                sum[i][h] = _mm256_add_epi32(sum[i][h], _mm256_madd_epi16(short[i][h], _mm256_set1_epi16(1)));
            }
        }
    }
    sum
}

/// What predicts word `j` of `N` vectors of rows.
pub struct Step<'a, const N: usize> {
    pub j: usize,
    /// From [`far`].
    pub far: &'a [V; N],
    /// Innovations of the present quad, signed bytes.
    pub own: &'a [V; N],
    /// Weighted innovations of other rows, of a pair of dimensions.
    pub near: &'a [Dwords; N],
}

impl<const N: usize> Step<'_, N> {
    /// The whole sum of vector `h`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn dot(&self, t: &Tables, h: usize) -> V {
        let c = set(t.vectors.dots.own[self.j]);
        // Magnitudes of coefficients are bytes up to 128, so two products stay below 2^15.
        let products = _mm256_maddubs_epi16(_mm256_abs_epi8(c), _mm256_sign_epi8(self.own[h], c));
        _mm256_add_epi32(self.far[h], _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
    }
}
