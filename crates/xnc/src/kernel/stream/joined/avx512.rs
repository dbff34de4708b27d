//! AVX-512: a register is a line.

use std::arch::x86_64::*;

/// Which words of two registers make a line.
#[derive(Clone, Copy)]
pub struct Order(__m512i);

/// Words in a register.
const WORDS: usize = 32;

pub type Joined<'a, const FAR: bool> = super::Joined<'a, Order, FAR>;

impl<'a, const FAR: bool> Joined<'a, FAR> {
    #[target_feature(enable = "avx512f")]
    pub fn avx512(out: &'a mut [u16], start: usize) -> Self {
        super::Joined::new::<__m512i>(out, start, |behind| {
            let words: [u16; WORDS] = std::array::from_fn(|i| (WORDS - behind + i) as u16);
            // SAFETY: a register's bytes.
            Order(unsafe { _mm512_loadu_si512(words.as_ptr().cast()) })
        })
    }

    /// Stores a register, or the line that its first words end.
    ///
    /// # Safety
    /// `to` is the place of a register that lies in `out`, and `before` the register before. A fence is to follow.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub unsafe fn store(&self, to: *mut u16, before: __m512i, words: __m512i) {
        // SAFETY: as the caller promises; a place is on a line if `FAR`.
        unsafe {
            match FAR {
                true => {
                    _mm512_stream_si512(to.cast(), _mm512_permutex2var_epi16(before, self.order.0, words))
                }
                false => _mm512_storeu_si512(to.cast(), words),
            }
        }
    }
}
