//! AVX2: a register is half a line.

use std::arch::x86_64::*;

/// Half a line, or what of two registers makes one, by pairs of words: those to take from the first, and by how many
/// places pairs move.
#[derive(Clone, Copy)]
pub struct Order {
    from_first: __m256i,
    places: __m256i,
}

/// Pairs of words in a register.
const PAIRS: i32 = 8;

pub type Joined<'a, const FAR: bool> = super::Joined<'a, Order, FAR>;

/// Whether words from here on can be [`Joined`] past the caches.
pub fn joins(out: &[u16]) -> bool {
    out.as_ptr().addr().is_multiple_of(size_of::<[u16; 2]>())
}

impl<'a, const FAR: bool> Joined<'a, FAR> {
    /// # Panics
    /// Past the caches, if there is half a pair of words before a line.
    #[target_feature(enable = "avx2")]
    pub fn avx2(out: &'a mut [u16], start: usize) -> Self {
        super::Joined::new::<__m256i>(out, start, |behind| {
            assert!(behind.is_multiple_of(2));
            let kept = PAIRS - behind as i32 / 2;
            let pairs = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            Order {
                from_first: _mm256_cmpgt_epi32(pairs, _mm256_set1_epi32(kept - 1)),
                // Only the lowest three bits count.
                places: _mm256_add_epi32(pairs, _mm256_set1_epi32(kept)),
            }
        })
    }

    /// Stores a register, or the half line that its first words end.
    ///
    /// # Safety
    /// `to` is the place of a register that lies in `out`, and `before` the register before. A fence is to follow.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn store(&self, to: *mut u16, before: __m256i, words: __m256i) {
        let Order { from_first, places } = self.order;
        // SAFETY: as the caller promises; a place is on half a line if `FAR`.
        unsafe {
            match FAR {
                true => {
                    let both = _mm256_blendv_epi8(words, before, from_first);
                    _mm256_stream_si256(to.cast(), _mm256_permutevar8x32_epi32(both, places));
                }
                false => _mm256_storeu_si256(to.cast(), words),
            }
        }
    }
}
