//! AVX-512 with VBMI2: rows whose deeper levels are made ready first, and groups a register at a time.

use std::arch::x86_64::*;

use super::{Ahead, tail};
use crate::kernel::ahead::Share;
use crate::kernel::stream::joined::avx512::Joined;
use crate::kernel::tight::levels::avx512::table;
use crate::kernel::tight::levels::{Levels, Stages, blocks};
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

/// If `FAR`, past the caches, and words before those of the rows are in `out`, too.
///
/// # Safety
/// Rows lie inside the payload, with their guard; stages are of the shape; rows have no tail if `FAR`.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
pub(super) unsafe fn rows<const F16: bool, const FAR: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    stages: &mut Stages,
    out: &mut [u16],
) {
    let (levels, codes) = (Levels::avx512(shape, symbols), Codes::new(symbols));
    let start = out.len() - rows.len() * shape.dim;
    let mut joined = Joined::<FAR>::avx512(out, start);
    let mut before = joined.before(_mm512_setzero_si512());
    each_row!(levels, (shape, payload, rows, ahead, stages), before, |row, lines, passed, number| {
        let at = number * shape.dim;
        row_of::<F16, FAR>(
            shape,
            symbols.bias,
            &codes,
            payload,
            row,
            lines,
            passed,
            (&mut joined, at, before),
        )
    });
    // SAFETY: all of the words before are rows.
    unsafe { joined.end(rows.len() * shape.dim, before) };
}

/// The words of a row, which go to the given word on, behind a register of the row before; their last register. Steps
/// over symbols of words that passed.
#[expect(clippy::too_many_arguments, reason = "a loop's body with a name")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
unsafe fn row_of<const F16: bool, const FAR: bool>(
    shape: RowShape,
    bias: &[u8],
    codes: &Codes,
    payload: &[u8],
    row: Row,
    mut lines: Share,
    passed: &mut *const u8,
    (joined, at, mut before): (&mut Joined<'_, FAR>, usize, __m512i),
) -> __m512i {
    let (mut record, mut to) = (payload.as_ptr().wrapping_add(row.at), joined.place(at));
    let tail = tail(shape, payload, row);
    for number in 0..shape.groups() {
        let bias = bias[number * GROUP..].first_chunk::<GROUP>().expect("a bias for each place");
        lines.ask();
        if number == shape.full() {
            record = tail.as_ptr();
        }
        // SAFETY: groups lie inside the payload, and stages have room for a register behind their symbols; the row's
        // words lie where they go, and past the caches it has no tail.
        unsafe {
            let named = codes.name(record, passed);
            let mut upper = _mm512_add_epi8(named.all(), _mm512_loadu_si512(bias.as_ptr().cast()));
            if F16 {
                upper = _mm512_add_epi8(upper, kept(record.add(CODES)));
            }
            let words = turned(upper, record.add(shape.lower()));
            let words = [_mm512_ror_epi64::<1>(words[0]), _mm512_ror_epi64::<1>(words[1])];
            if number == shape.full() {
                let whole: [u16; GROUP] = std::mem::transmute(words);
                let tail = joined.words(at + number * GROUP, shape.dim - number * GROUP);
                tail.copy_from_slice(&whole[..tail.len()]);
            } else {
                joined.store(to, before, words[0]);
                joined.store(to.wrapping_add(GROUP / 2), words[0], words[1]);
                (before, to) = (words[1], to.wrapping_add(GROUP));
            }
        }
        record = record.wrapping_add(shape.record());
    }
    before
}
