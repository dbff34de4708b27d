//! AVX2: tiers in general registers, the rest by bytes.

use std::arch::x86_64::*;

use super::bits::{Bits, plane};
use super::lines::Lines;
use super::{Ahead, TierPlaces, scalar};
use crate::kernel::fast::row::{GROUP, RowShape, Symbols};

/// The 32 bytes of `bytes` from `at` on.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const N: usize>(bytes: &[u8; N], at: usize) -> __m256i {
    let part: &[u8; 32] = bytes[at..at + 32].try_into().expect("32 bytes");
    // SAFETY: 32 bytes.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

/// Sixteen words of `words` from `at` on.
#[inline]
#[target_feature(enable = "avx2")]
fn load_words(words: &[u16; GROUP], at: usize) -> __m256i {
    let part: &[u16; 16] = words[at..at + 16].try_into().expect("sixteen words");
    // SAFETY: sixteen words are 32 bytes.
    unsafe { _mm256_loadu_si256(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_words(words: &mut [u16; GROUP], at: usize, value: __m256i) {
    let part: &mut [u16; 16] = (&mut words[at..at + 16]).try_into().expect("sixteen words");
    // SAFETY: sixteen words are 32 bytes.
    unsafe { _mm256_storeu_si256(part.as_mut_ptr().cast(), value) }
}

/// What the loop keeps in registers. Made anew for each row: kept across rows, the registers would not
/// suffice for the loop.
pub(in crate::kernel::fast) struct Unpack {
    upper: __m256i,
    down: __m256i,
    up: __m256i,
    low_bits: __m256i,
    high_bits: __m256i,
    nibble: __m256i,
}

impl Unpack {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernel::fast) fn new(upper: &[u8; 16]) -> Self {
        Unpack {
            // SAFETY: sixteen bytes.
            upper: _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(upper.as_ptr().cast()) }),
            down: _mm256_set_epi64x(3, 2, 1, 0),
            up: _mm256_set_epi64x(0, 1, 2, 3),
            low_bits: _mm256_set1_epi8(0x11),
            high_bits: _mm256_set1_epi8(0x88_u8.cast_signed()),
            nibble: _mm256_set1_epi8(0x0f),
        }
    }

    /// A plane's bits to the lowest bit of each of 64 half bytes: places 0 to 31 in the low halves, 32 to 63
    /// in the high ones.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn spread(&self, bits: u64) -> __m256i {
        _mm256_and_si256(_mm256_srlv_epi64(_mm256_set1_epi64x(bits.cast_signed()), self.down), self.low_bits)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn three(&self, planes: [u64; 3]) -> __m256i {
        let n = self.spread(planes[2]);
        let n = _mm256_add_epi8(_mm256_add_epi8(n, n), self.spread(planes[1]));
        _mm256_add_epi8(_mm256_add_epi8(n, n), self.spread(planes[0]))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(&self, n: __m256i) -> [__m256i; 2] {
        [_mm256_and_si256(n, self.nibble), _mm256_and_si256(_mm256_srli_epi16::<4>(n), self.nibble)]
    }

    /// Shifts of the planes of codes and of signs, masks of these, and of half bytes.
    #[inline]
    pub(in crate::kernel::fast) fn registers(&self) -> [__m256i; 5] {
        [self.down, self.up, self.low_bits, self.high_bits, self.nibble]
    }

    /// The words of a full group before their bias: 0, 16, 32 and 48 on. `N` is the size of a group's record;
    /// `KEPT` says that it has planes of kept bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernel::fast) fn words<const KEPT: bool, const N: usize>(
        &self,
        record: &[u8; N],
        planes: [u64; 3],
    ) -> [__m256i; 4] {
        let sign = _mm256_set1_epi64x(plane::<8, N>(record).cast_signed());
        let sign = _mm256_and_si256(_mm256_sllv_epi64(sign, self.up), self.high_bits);
        let codes = self.halves(_mm256_or_si256(self.three(planes), sign));
        let mut upper = codes.map(|codes| _mm256_shuffle_epi8(self.upper, codes));
        if KEPT {
            let kept = [plane::<16, N>(record), plane::<24, N>(record), plane::<32, N>(record)];
            let kept = self.halves(self.three(kept));
            upper = [_mm256_or_si256(upper[0], kept[0]), _mm256_or_si256(upper[1], kept[1])];
        }
        let lower = [load(record, N - GROUP), load(record, N - 32)];
        [
            _mm256_unpacklo_epi8(lower[0], upper[0]),
            _mm256_unpacklo_epi8(lower[1], upper[1]),
            _mm256_unpackhi_epi8(lower[0], upper[0]),
            _mm256_unpackhi_epi8(lower[1], upper[1]),
        ]
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn row_to_words<const KEPT: bool, const N: usize>(
    shape: RowShape,
    symbols: Symbols<'_>,
    row: &[u8],
    lines: &Lines<1>,
    out: &mut [u16],
) -> TierPlaces {
    assert!(shape.record() == N);
    let records = row[1..][..shape.groups() * N].as_chunks::<N>().0;
    let unpack = Unpack::new(symbols.upper);
    let mut bits = Bits::new(shape, row, records);
    let biases = symbols.bias.as_chunks::<GROUP>().0;
    for (group, ((record, bias), out)) in
        records.iter().zip(biases).zip(out.as_chunks_mut::<GROUP>().0).enumerate()
    {
        lines.ask(group);
        // SAFETY: one call a record of this row.
        let planes = unsafe { bits.planes(record) };
        for (i, word) in unpack.words::<KEPT, N>(record, planes).into_iter().enumerate() {
            store_words(out, 16 * i, _mm256_add_epi16(word, load_words(bias, 16 * i)));
        }
    }
    bits.streams(row)
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
pub(super) fn rows<const KEPT: bool, const N: usize>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    at: &[usize],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    for (i, out) in out.chunks_exact_mut(shape.dim).enumerate() {
        let lines = Lines::of(shape, payload, ahead, i);
        let row = &payload[at[i]..];
        let streams = row_to_words::<KEPT, N>(shape, symbols, row, &lines, out);
        scalar::tail_to_words(shape, symbols, row, streams, out);
    }
}
