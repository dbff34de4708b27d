//! AVX-512: tiers in general registers, a whole group in one register after that.

use std::arch::x86_64::*;

use super::bits::{Bits, plane};
use super::lines::Lines;
use super::{Ahead, scalar};
use crate::kernel::fast::row::{GROUP, RowShape, Symbols};

/// The last 64 bytes of a record.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_lower(record: &[u8; 80]) -> __m512i {
    let part: &[u8; 64] = record[16..].try_into().expect("64 bytes");
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(words: &[u16; GROUP], at: usize) -> __m512i {
    let part: &[u16; 32] = words[at..at + 32].try_into().expect("32 words");
    // SAFETY: 32 words are 64 bytes.
    unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_words(words: &mut [u16; GROUP], at: usize, value: __m512i) {
    let part: &mut [u16; 32] = (&mut words[at..at + 32]).try_into().expect("32 words");
    // SAFETY: 32 words are 64 bytes.
    unsafe { _mm512_storeu_si512(part.as_mut_ptr().cast(), value) }
}

/// A table of upper bytes in every quarter.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::kernel::fast) fn table(upper: &[u8; 16]) -> __m512i {
    // SAFETY: sixteen bytes.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(upper.as_ptr().cast()) })
}

/// As turns of the fourth plane, for VPMULTISHIFTQB.
static SIGNS: [u8; 64] = {
    let mut turns = [0; 64];
    let mut i = 0;
    while i < 64 {
        turns[i] = (8 * (i % 8) + i / 8 + 61) as u8 % 64;
        i += 1;
    }
    turns
};

/// What the loop keeps in registers.
pub(in crate::kernel::fast) struct Unpack {
    /// Turning plane `p` by `lane - p` brings the bits of a lane's eight places to bit `p` of their bytes.
    pub(in crate::kernel::fast) turn: [__m512i; 4],
    pub(in crate::kernel::fast) bit: [__m512i; 4],
    /// Turns the fourth plane where it lies: where the bits that end at each byte begin.
    pub(in crate::kernel::fast) signs: __m512i,
}

impl Unpack {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(in crate::kernel::fast) fn new() -> Self {
        Unpack {
            turn: [
                _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                _mm512_set_epi64(6, 5, 4, 3, 2, 1, 0, 63),
                _mm512_set_epi64(5, 4, 3, 2, 1, 0, 63, 62),
                _mm512_set_epi64(4, 3, 2, 1, 0, 63, 62, 61),
            ],
            bit: [1, 2, 4, 8].map(|bit| _mm512_set1_epi8(bit)),
            // SAFETY: 64 bytes.
            signs: unsafe { _mm512_loadu_si512((&raw const SIGNS).cast()) },
        }
    }

    /// The words of a group before their bias, 0 and 32 on. `upper` is a [`table`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(in crate::kernel::fast) fn words(
        &self,
        record: &[u8; 80],
        planes: [u64; 3],
        upper: __m512i,
    ) -> [__m512i; 2] {
        let [p0, p1, p2] = planes;
        let mut codes = _mm512_setzero_si512();
        for (p, bits) in [p0, p1, p2, plane::<8, 80>(record)].into_iter().enumerate() {
            let turned = _mm512_rorv_epi64(_mm512_set1_epi64(bits.cast_signed()), self.turn[p]);
            // turned & bit | codes
            codes = _mm512_ternarylogic_epi64::<0xea>(turned, self.bit[p], codes);
        }
        let upper = _mm512_shuffle_epi8(upper, codes);
        let lower = load_lower(record);
        [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]
    }
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    at: &[usize],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    let unpack = Unpack::new();
    let (two, one) = at.as_chunks::<2>();
    let (out, last) = out.split_at_mut(2 * two.len() * shape.dim);
    for ((i, begin), out) in two.iter().enumerate().zip(out.chunks_exact_mut(2 * shape.dim)) {
        let (first, second) = out.split_at_mut(shape.dim);
        let rows = [&payload[begin[0]..], &payload[begin[1]..]];
        some(&unpack, shape, symbols, rows, &Lines::of(shape, payload, ahead, 2 * i), [first, second]);
    }
    if let [begin] = one {
        some(
            &unpack,
            shape,
            symbols,
            [&payload[*begin..]],
            &Lines::of(shape, payload, ahead, at.len() - 1),
            [last],
        );
    }
}

/// Rows side by side. Where the streams of one stand is a chain of dependent steps (fetch, PDEP, count, add)
/// longer than the rest of a group takes; two rows at a time fill it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
fn some<const N: usize>(
    unpack: &Unpack,
    shape: RowShape,
    symbols: Symbols<'_>,
    rows: [&[u8]; N],
    lines: &Lines<N>,
    out: [&mut [u16]; N],
) {
    let groups = shape.groups();
    assert!(shape.record() == 80 && symbols.bias.len() >= groups * GROUP);
    let upper = table(symbols.upper);
    let mut bits = [Bits::default(); N];
    let mut begin = [(std::ptr::null(), std::ptr::null_mut()); N];
    for r in 0..N {
        let records = rows[r][1..][..groups * 80].as_chunks::<80>().0;
        bits[r] = Bits::new(shape, rows[r], records);
        begin[r] = (records.as_ptr(), out[r][..groups * GROUP].as_mut_ptr().cast::<[u16; GROUP]>());
    }
    for (group, bias) in symbols.bias.as_chunks::<GROUP>().0[..groups].iter().enumerate() {
        lines.ask(group);
        for r in 0..N {
            // SAFETY: as many records and groups of words were sliced, and this is one call a record.
            let (record, planes, out) = unsafe {
                let record = &*begin[r].0.add(group);
                (record, bits[r].planes(record), &mut *begin[r].1.add(group))
            };
            let [low, high] = unpack.words(record, planes, upper);
            store_words(out, 0, _mm512_add_epi16(low, load_words(bias, 0)));
            store_words(out, 32, _mm512_add_epi16(high, load_words(bias, 32)));
        }
    }
    for r in 0..N {
        scalar::tail_to_words(shape, symbols, rows[r], bits[r].streams(rows[r]), out[r]);
    }
}
