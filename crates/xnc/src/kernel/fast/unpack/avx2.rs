//! AVX2: a group is two registers of upper bytes and two of lower ones.

use std::arch::x86_64::*;

use super::lines::Lines;
use super::{Ahead, list_of, patch, scalar};
use crate::kernel::fast::row::{GROUP, PLANE, RANKS, Row, RowShape, Symbols};

/// What turns the codes of groups into upper bytes.
#[derive(Clone, Copy)]
pub(in crate::kernel::fast) struct Uppers {
    table: __m256i,
}

impl Uppers {
    #[target_feature(enable = "avx2")]
    pub fn new(ranked: [u8; 4]) -> Uppers {
        // Bit 3 of a code is the sign.
        let bytes: [u8; 32] = std::array::from_fn(|code| ranked[code % 4] | (code as u8 >> 3 & 1) << 7);
        // SAFETY: 32 bytes.
        Uppers { table: unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) } }
    }

    /// The upper bytes of a group, places 0 to 31 and 32 to 63, those of rare words as of rank 0.
    ///
    /// # Safety
    /// `record` points to a group's ranks, signs and, for `F16`, kept bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub unsafe fn of<const F16: bool>(&self, record: *const u8) -> [__m256i; 2] {
        // SAFETY: as the caller promises.
        let (ranks, sign) = unsafe {
            (
                _mm256_broadcastsi128_si256(_mm_loadu_si128(record.cast())),
                _mm256_set1_epi64x(record.add(RANKS).cast::<i64>().read_unaligned()),
            )
        };
        let three = _mm256_set1_epi8(3);
        let ranks = [
            _mm256_and_si256(_mm256_srlv_epi64(ranks, _mm256_setr_epi64x(0, 0, 2, 2)), three),
            _mm256_and_si256(_mm256_srlv_epi64(ranks, _mm256_setr_epi64x(4, 4, 6, 6)), three),
        ];
        // Bit p div 8 of a plane's bytes belongs to eight places each.
        let sign = [
            _mm256_sllv_epi64(sign, _mm256_setr_epi64x(3, 2, 1, 0)),
            _mm256_srlv_epi64(sign, _mm256_setr_epi64x(1, 2, 3, 4)),
        ];
        let eight = _mm256_set1_epi8(8);
        let mut upper = [0, 1].map(|i| {
            let codes = _mm256_or_si256(ranks[i], _mm256_and_si256(sign[i], eight));
            _mm256_shuffle_epi8(self.table, codes)
        });
        if F16 {
            for j in 0..3 {
                // SAFETY: as the caller promises.
                let plane = unsafe {
                    _mm256_set1_epi64x(record.add(RANKS + PLANE * (1 + j)).cast::<i64>().read_unaligned())
                };
                // To bit 2, and from there down to bit j.
                let bits = [
                    _mm256_srlv_epi64(_mm256_slli_epi64::<2>(plane), _mm256_setr_epi64x(0, 1, 2, 3)),
                    _mm256_srlv_epi64(_mm256_srli_epi64::<2>(plane), _mm256_setr_epi64x(0, 1, 2, 3)),
                ];
                for (upper, bits) in upper.iter_mut().zip(bits) {
                    let bits = _mm256_srl_epi64(
                        _mm256_and_si256(bits, _mm256_set1_epi8(4)),
                        _mm_cvtsi32_si128(2 - j as i32),
                    );
                    *upper = _mm256_or_si256(*upper, bits);
                }
            }
        }
        upper
    }
}

/// The words of a group in order, from its upper bytes and its lower ones, which `lower` points to.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::kernel::fast) unsafe fn words(upper: [__m256i; 2], lower: *const u8) -> [__m256i; 4] {
    // SAFETY: as the caller promises.
    let lower = unsafe { [0, 32].map(|at| _mm256_loadu_si256(lower.add(at).cast())) };
    [
        _mm256_unpacklo_epi8(lower[0], upper[0]),
        _mm256_unpacklo_epi8(lower[1], upper[1]),
        _mm256_unpackhi_epi8(lower[0], upper[0]),
        _mm256_unpackhi_epi8(lower[1], upper[1]),
    ]
}

/// # Safety
/// Rows lie inside the payload, with their guard.
#[target_feature(enable = "avx2")]
pub(in crate::kernel::fast) unsafe fn rows<const F16: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    let (uppers, patches) = (Uppers::new(symbols.ranked), symbols.patches());
    let full = shape.groups() * GROUP;
    for (i, (row, out)) in rows.iter().zip(out.chunks_exact_mut(shape.dim)).enumerate() {
        if row.is_plain() {
            continue;
        }
        let lines = Lines::of(shape, payload, ahead, i);
        let start = row.groups();
        // SAFETY: groups lie inside the payload.
        let mut record = unsafe { payload.as_ptr().add(start) };
        let groups = out.as_chunks_mut::<GROUP>().0.iter_mut().zip(symbols.bias.as_chunks::<GROUP>().0);
        for (group, (out, bias)) in groups.enumerate() {
            lines.ask(group);
            // SAFETY: as above; a group has 64 words and as many biases.
            unsafe {
                let words = words(uppers.of::<F16>(record), record.add(shape.lower()));
                for (quarter, words) in words.into_iter().enumerate() {
                    let bias = _mm256_loadu_si256(bias.as_ptr().add(16 * quarter).cast());
                    let to = out.as_mut_ptr().add(16 * quarter).cast();
                    _mm256_storeu_si256(to, _mm256_add_epi16(words, bias));
                }
                record = record.add(shape.record());
            }
        }
        if shape.tail() > 0 {
            let bytes = &payload[start + shape.groups() * shape.record()..][..shape.tail_bytes()];
            scalar::tail(shape.split, symbols.ranked, bytes, &symbols.bias[full..], &mut out[full..]);
        }
        patch(shape, &patches, symbols.bias, list_of(payload, *row), *row, out);
    }
}
