//! AVX-512: tiers by PDEP in general registers, a whole group in one register after that.

use std::arch::x86_64::*;

use super::super::row::{GROUP, RowShape, Symbols, code_planes};
use super::{Streams, scalar};

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

#[inline]
fn plane(record: &[u8; 80], at: usize) -> u64 {
    u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"))
}

/// Counts bits without letting the compiler turn a short loop of counts into a long vector one.
#[inline]
#[target_feature(enable = "popcnt")]
fn count(plane: u64) -> usize {
    let bits: u64;
    // SAFETY: a register to a register, no flags that matter.
    unsafe {
        std::arch::asm!("popcnt {0}, {1}", out(reg) bits, in(reg) plane, options(pure, nomem, nostack))
    };
    bits as usize
}

/// What the loop keeps in registers.
pub(in super::super) struct Unpack {
    shape: RowShape,
    upper: __m512i,
    /// Turning plane `p` by `lane - p` brings the bits of a lane's eight places to bit `p` of their bytes.
    turn: [__m512i; 4],
    bit: [__m512i; 4],
}

impl Unpack {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(in super::super) fn new(shape: RowShape, upper: &[u8; 16]) -> Self {
        Unpack {
            shape,
            // SAFETY: sixteen bytes.
            upper: _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(upper.as_ptr().cast()) }),
            turn: [
                _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                _mm512_set_epi64(6, 5, 4, 3, 2, 1, 0, 63),
                _mm512_set_epi64(5, 4, 3, 2, 1, 0, 63, 62),
                _mm512_set_epi64(4, 3, 2, 1, 0, 63, 62, 61),
            ],
            bit: [1, 2, 4, 8].map(|bit| _mm512_set1_epi8(bit)),
        }
    }

    /// Hands the words of each full group of a BF16 row, before their bias, to `sink`, with one item of `with`: words 0 and 32 on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
    pub(in super::super) fn groups<T>(
        &self,
        row: &[u8],
        with: impl Iterator<Item = T>,
        mut sink: impl FnMut(T, [__m512i; 2]),
    ) -> Streams {
        let shape = self.shape;
        assert!(row.len() >= shape.reach() && shape.record() == 80);
        let records = row[1..][..shape.groups() * 80].as_chunks::<80>().0;
        let mut streams = scalar::streams_of_tail(shape, row);
        records.iter().for_each(|record| streams.rest += count(plane(record, 0)));

        let base = row.as_ptr();
        let fetch = |at: usize| {
            // SAFETY: every bit that moves a stream on is one of at most 4 * dim; `reach` covers these and eight bytes more.
            unsafe { base.add(at >> 3).cast::<u64>().read_unaligned() >> (at & 7) }
        };
        for (record, with) in records.iter().zip(with) {
            let escape = plane(record, 0);
            let second = _pdep_u64(fetch(streams.second), escape);
            streams.second += escape.count_ones() as usize;
            let bits = fetch(streams.rest);
            let third = _pdep_u64(bits, second);
            let bits = bits.wrapping_shr(second.count_ones());
            let low = _pdep_u64(bits, third);
            let high = _pdep_u64(bits.wrapping_shr(third.count_ones()), third);
            streams.rest += (second.count_ones() + 2 * third.count_ones()) as usize;

            let [p0, p1, p2] = code_planes(escape, second, third, [low, high]);
            let planes = [p0, p1, p2, plane(record, 8)];
            let mut codes = _mm512_setzero_si512();
            for (p, bits) in planes.into_iter().enumerate() {
                let turned = _mm512_rorv_epi64(_mm512_set1_epi64(bits.cast_signed()), self.turn[p]);
                // turned & bit | codes
                codes = _mm512_ternarylogic_epi64::<0xea>(turned, self.bit[p], codes);
            }
            let upper = _mm512_shuffle_epi8(self.upper, codes);
            let lower = load_lower(record);
            sink(with, [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]);
        }
        streams
    }
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows(shape: RowShape, symbols: Symbols<'_>, payload: &[u8], at: &[usize], out: &mut [u16]) {
    let unpack = Unpack::new(shape, symbols.upper);
    for (i, out) in out.chunks_exact_mut(shape.dim).enumerate() {
        super::ahead(shape, payload, at, i);
        let row = &payload[at[i]..];
        let with = symbols.bias.as_chunks::<GROUP>().0.iter().zip(out.as_chunks_mut::<GROUP>().0);
        let sink = |(bias, out): (&[u16; GROUP], &mut [u16; GROUP]), words: [__m512i; 2]| {
            store_words(out, 0, _mm512_add_epi16(words[0], load_words(bias, 0)));
            store_words(out, 32, _mm512_add_epi16(words[1], load_words(bias, 32)));
        };
        let streams = unpack.groups(row, with, sink);
        scalar::tail_to_words(shape, symbols, row, streams, out);
    }
}
