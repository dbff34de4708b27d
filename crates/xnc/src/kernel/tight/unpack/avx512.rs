//! AVX-512 with VBMI2: rows whose deeper levels are made ready first, and groups a register at a time.
#![expect(clippy::needless_range_loop, reason = "iterators are generic code without the loop's instructions")]

use std::arch::x86_64::*;

use super::{Ahead, tail};
use crate::kernel::ahead::Share;
use crate::kernel::stream::Target;
use crate::kernel::tight::levels::avx512::table;
use crate::kernel::tight::levels::{Levels, ROWS, Stages, blocks};
use crate::kernel::tight::row::{CODES, GROUP, PLANE, Row, RowShape, Symbols, rank_bit};

#[repr(align(64))]
struct Controls([u8; GROUP]);

/// Brings the code of each place to the lowest bits of its byte.
static CODE_CONTROLS: Controls = {
    let (mut bytes, mut p) = ([0; GROUP], 0);
    while p < GROUP {
        bytes[p] = (8 * (p % 8) + rank_bit(p)) as u8;
        p += 1;
    }
    Controls(bytes)
};

/// Bring the bit of each place, in a plane, to bit 0, 1 or 2 of its byte.
static PLANE_CONTROLS: [Controls; 3] = {
    let (mut all, mut p) = ([[0; GROUP]; 3], 0);
    while p < 3 * GROUP {
        let at = p % GROUP;
        all[p / GROUP][at] = ((8 * (at % 8) + at / 8 + 64 - p / GROUP) % 64) as u8;
        p += 1;
    }
    [Controls(all[0]), Controls(all[1]), Controls(all[2])]
};

/// Codes of groups, turned into symbols.
#[derive(Clone, Copy)]
pub(in crate::kernel::tight) struct Codes {
    order: __m512i,
    symbols: __m512i,
}

/// Symbols of a group, but for words that pass on: which these are, and where their symbols begin.
#[derive(Clone, Copy)]
pub(in crate::kernel::tight) struct Named {
    symbols: __m512i,
    pass: u64,
    passed: *const u8,
}

impl Codes {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in crate::kernel::tight) fn new(symbols: Symbols<'_>) -> Codes {
        // SAFETY: 64 bytes, on a line.
        let order = unsafe { _mm512_load_si512(CODE_CONTROLS.0.as_ptr().cast()) };
        Codes { order, symbols: table(symbols.levels[0]) }
    }

    /// Takes the codes of a group, whose words that pass on have their symbols from `passed` on; steps over these.
    ///
    /// # Safety
    /// `record` points to the codes of a group.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi,popcnt")]
    pub(in crate::kernel::tight) unsafe fn name(&self, record: *const u8, passed: &mut *const u8) -> Named {
        // SAFETY: as the caller promises.
        let codes = unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(record.cast())) };
        let codes = _mm512_multishift_epi64_epi8(self.order, codes);
        let pass = _mm512_testn_epi8_mask(codes, _mm512_set1_epi8(3));
        let named = Named { symbols: _mm512_permutexvar_epi8(codes, self.symbols), pass, passed: *passed };
        *passed = passed.wrapping_add(pass.count_ones() as usize);
        named
    }
}

impl Named {
    /// The symbols of all words, by place.
    ///
    /// # Safety
    /// There are 64 bytes where symbols of words that passed begin.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi2")]
    pub(in crate::kernel::tight) unsafe fn all(self) -> __m512i {
        // SAFETY: as the caller promises.
        let passed = unsafe { _mm512_loadu_si512(self.passed.cast()) };
        _mm512_mask_expand_epi8(self.symbols, self.pass, passed)
    }
}

/// Words in order, but for their quads' turn by a bit.
///
/// # Safety
/// 64 bytes are behind `lower`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::kernel::tight) unsafe fn turned(upper: __m512i, lower: *const u8) -> [__m512i; 2] {
    // SAFETY: as the caller promises.
    let lower = unsafe { _mm512_loadu_si512(lower.cast()) };
    [_mm512_unpacklo_epi8(lower, upper), _mm512_unpackhi_epi8(lower, upper)]
}

/// The bits of upper bytes that stand in planes.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi")]
unsafe fn kept(planes: *const u8) -> __m512i {
    let mut kept = _mm512_setzero_si512();
    for (j, control) in PLANE_CONTROLS.iter().enumerate() {
        // SAFETY: as the caller promises; a control is on a line.
        unsafe {
            let plane = _mm512_set1_epi64(planes.add(PLANE * j).cast::<i64>().read_unaligned());
            let bits = _mm512_multishift_epi64_epi8(_mm512_load_si512(control.0.as_ptr().cast()), plane);
            kept = _mm512_ternarylogic_epi64::<0xf8>(kept, bits, _mm512_set1_epi8(1 << j));
        }
    }
    kept
}

/// # Safety
/// Rows lie inside the payload, with their guard; stages are of the shape; the target is on lines if `ON_LINES`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
pub(super) unsafe fn rows<const F16: bool, const ON_LINES: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    stages: &mut Stages,
    mut target: Target<'_>,
) {
    let (levels, codes) = (Levels::avx512(shape, symbols), Codes::new(symbols));
    each_row!(levels, (shape, payload, rows, ahead, stages, target), |row, lines, passed, out| {
        row_of::<F16, ON_LINES>(shape, symbols.bias, &codes, payload, row, lines, passed, out)
    });
}

/// The words of a row; steps over symbols of words that passed.
#[expect(clippy::too_many_arguments, reason = "a loop's body with a name")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
unsafe fn row_of<const F16: bool, const ON_LINES: bool>(
    shape: RowShape,
    bias: &[u8],
    codes: &Codes,
    payload: &[u8],
    row: Row,
    mut lines: Share,
    passed: &mut *const u8,
    out: &mut [u16],
) {
    let mut record = payload.as_ptr().wrapping_add(row.at);
    let tail = tail(shape, payload, row);
    for number in 0..shape.groups() {
        let bias = bias[number * GROUP..].first_chunk::<GROUP>().expect("a bias for each place");
        let out = &mut out[number * GROUP..];
        lines.ask();
        if number == shape.full() {
            record = tail.as_ptr();
        }
        // SAFETY: groups lie inside the payload, and stages have room for a register behind their symbols.
        unsafe {
            let named = codes.name(record, passed);
            let mut upper = _mm512_add_epi8(named.all(), _mm512_loadu_si512(bias.as_ptr().cast()));
            if F16 {
                upper = _mm512_add_epi8(upper, kept(record.add(CODES)));
            }
            let words = turned(upper, record.add(shape.lower()));
            let words = [_mm512_ror_epi64::<1>(words[0]), _mm512_ror_epi64::<1>(words[1])];
            if ON_LINES {
                for half in 0..2 {
                    _mm512_stream_si512(out.as_mut_ptr().add(32 * half).cast(), words[half]);
                }
            } else if let Some(out) = out.first_chunk_mut::<GROUP>() {
                store(words, out);
            } else {
                let mut whole = [0; GROUP];
                store(words, &mut whole);
                out.copy_from_slice(&whole[..out.len()]);
            }
        }
        record = record.wrapping_add(shape.record());
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(words: [__m512i; 2], out: &mut [u16; GROUP]) {
    for half in 0..2 {
        // SAFETY: a half has 32 words.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().add(32 * half).cast(), words[half]) };
    }
}
