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

/// A table of upper bytes in every quarter.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in super::super) fn table(upper: &[u8; 16]) -> __m512i {
    // SAFETY: sixteen bytes.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(upper.as_ptr().cast()) })
}

/// What the loop keeps in registers.
pub(in super::super) struct Unpack {
    shape: RowShape,
    /// Turning plane `p` by `lane - p` brings the bits of a lane's eight places to bit `p` of their bytes.
    turn: [__m512i; 4],
    bit: [__m512i; 4],
}

impl Unpack {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(in super::super) fn new(shape: RowShape) -> Self {
        Unpack {
            shape,
            turn: [
                _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
                _mm512_set_epi64(6, 5, 4, 3, 2, 1, 0, 63),
                _mm512_set_epi64(5, 4, 3, 2, 1, 0, 63, 62),
                _mm512_set_epi64(4, 3, 2, 1, 0, 63, 62, 61),
            ],
            bit: [1, 2, 4, 8].map(|bit| _mm512_set1_epi8(bit)),
        }
    }

    /// Bytes of a row's groups.
    pub(in super::super) fn bytes(&self) -> usize {
        self.shape.tiers()
    }

    /// Hands the words of each full group of `N` BF16 rows, before their bias, to `sink`: words 0 and 32 on, with one item of `with`.
    /// `upper` are the rows' tables; a bit that `spare` sets for an item and a row makes a code of 0 the spare one.
    ///
    /// Where one row's streams stand is a chain of dependent steps (fetch, PDEP, count, add) longer than the rest of a group takes;
    /// two rows at a time fill it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
    pub(in super::super) fn groups<const N: usize, T>(
        &self,
        rows: [&[u8]; N],
        upper: [__m512i; N],
        with: impl Iterator<Item = T>,
        spare: impl Fn(&T, usize) -> u64,
        mut sink: impl FnMut(T, [[__m512i; 2]; N]),
    ) -> [Streams; N] {
        let shape = self.shape;
        assert!(shape.record() == 80);
        let records = rows.map(|row| {
            assert!(row.len() >= shape.reach());
            row[1..][..shape.groups() * 80].as_chunks::<80>().0
        });
        let mut streams = rows.map(|row| scalar::streams_of_tail(shape, row));
        for (streams, records) in streams.iter_mut().zip(records) {
            records.iter().for_each(|record| streams.rest += count(plane(record, 0)));
        }
        for (group, with) in (0..shape.groups()).zip(with) {
            let mut words = [[_mm512_setzero_si512(); 2]; N];
            for (r, words) in words.iter_mut().enumerate() {
                let record = &records[r][group];
                // SAFETY: one call a record of this row.
                let [p0, p1, p2] = unsafe { planes(rows[r], record, &mut streams[r]) };
                *words = self.words(record, [p0, p1 | spare(&with, r), p2], upper[r]);
            }
            sink(with, words);
        }
        streams
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn words(&self, record: &[u8; 80], planes: [u64; 3], upper: __m512i) -> [__m512i; 2] {
        let mut codes = _mm512_setzero_si512();
        for (p, bits) in planes.into_iter().chain([plane(record, 8)]).enumerate() {
            let turned = _mm512_rorv_epi64(_mm512_set1_epi64(bits.cast_signed()), self.turn[p]);
            // turned & bit | codes
            codes = _mm512_ternarylogic_epi64::<0xea>(turned, self.bit[p], codes);
        }
        let upper = _mm512_shuffle_epi8(upper, codes);
        let lower = load_lower(record);
        [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]
    }
}

/// The code planes of the next group; moves the streams on.
///
/// # Safety
/// Called at most once for each of the row's records. Every bit that moves a stream on is then one of at most `4 * dim`;
/// [`RowShape::reach`], which `row` holds, covers these and eight bytes more.
#[inline]
#[target_feature(enable = "bmi1,bmi2,popcnt")]
unsafe fn planes(row: &[u8], record: &[u8; 80], streams: &mut Streams) -> [u64; 3] {
    // SAFETY: as the caller promises.
    let fetch = |at: usize| unsafe { row.as_ptr().add(at >> 3).cast::<u64>().read_unaligned() >> (at & 7) };
    let escape = plane(record, 0);
    let second = _pdep_u64(fetch(streams.second), escape);
    streams.second += escape.count_ones() as usize;
    let bits = fetch(streams.rest);
    let third = _pdep_u64(bits, second);
    let bits = bits.wrapping_shr(second.count_ones());
    let low = _pdep_u64(bits, third);
    let high = _pdep_u64(bits.wrapping_shr(third.count_ones()), third);
    streams.rest += (second.count_ones() + 2 * third.count_ones()) as usize;
    code_planes(escape, second, third, [low, high])
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
pub(super) fn rows(shape: RowShape, symbols: Symbols<'_>, payload: &[u8], at: &[usize], out: &mut [u16]) {
    let unpack = Unpack::new(shape);
    let mut two = out.chunks_exact_mut(2 * shape.dim);
    for (i, out) in two.by_ref().enumerate() {
        let (first, second) = out.split_at_mut(shape.dim);
        some(&unpack, shape, symbols, payload, at, 2 * i, [first, second]);
    }
    let one = two.into_remainder();
    if !one.is_empty() {
        some(&unpack, shape, symbols, payload, at, at.len() - 1, [one]);
    }
}

/// The rows from `first` on, side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,popcnt")]
fn some<const N: usize>(
    unpack: &Unpack,
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    at: &[usize],
    first: usize,
    mut out: [&mut [u16]; N],
) {
    (first..first + N).for_each(|i| super::ahead(shape, payload, at, i));
    let rows: [&[u8]; N] = std::array::from_fn(|r| &payload[at[first + r]..]);
    let sink = |(group, bias): (usize, &[u16; GROUP]), words: [[__m512i; 2]; N]| {
        for (out, words) in out.iter_mut().zip(words) {
            let out = &mut out.as_chunks_mut::<GROUP>().0[group];
            store_words(out, 0, _mm512_add_epi16(words[0], load_words(bias, 0)));
            store_words(out, 32, _mm512_add_epi16(words[1], load_words(bias, 32)));
        }
    };
    let with = symbols.bias.as_chunks::<GROUP>().0.iter().enumerate();
    let streams = unpack.groups(rows, [table(symbols.upper); N], with, |_, _| 0, sink);
    for ((row, streams), out) in rows.into_iter().zip(streams).zip(out) {
        scalar::tail_to_words(shape, symbols, row, streams, out);
    }
}
