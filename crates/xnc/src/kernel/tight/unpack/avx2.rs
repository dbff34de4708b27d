//! AVX2: rows whose deeper levels are made ready first, and groups as two registers of upper bytes.
#![expect(clippy::needless_range_loop, reason = "iterators are generic code without the loop's instructions")]

use std::arch::x86_64::*;

use super::{Ahead, tail};
use crate::kernel::ahead::Share;
use crate::kernel::fast::unpack::avx2::{kept, words};
use crate::kernel::stream::joined::avx2::Joined;
use crate::kernel::tight::levels::avx2::{Halves, load, passes_of_group, symbols_of};
use crate::kernel::tight::levels::{Levels, Stages, blocks, passing_of_group};
use crate::kernel::tight::row::{CODES, GROUP, Row, RowShape, Symbols};

/// What turns the codes of groups into symbols.
#[derive(Clone, Copy)]
struct Codes {
    symbols: Halves,
    /// Which of the two codes in half a byte pass on, in half a byte each.
    passes: __m256i,
    /// Added to how many words pass on before, to be the control of a shuffle.
    controls: Halves,
}

impl Codes {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(symbols: Symbols<'_>) -> Codes {
        let (passes, controls) = passes_of_group();
        Codes { symbols: symbols_of(symbols.levels[0]), passes, controls }
    }

    /// The symbols of a group, places 0 to 31 and 32 to 63. Words that pass on have theirs from `passed` on; steps over
    /// these.
    ///
    /// # Safety
    /// `record` points to the codes of a group, and there are 64 bytes at `passed`.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    unsafe fn symbols(&self, record: *const u8, passed: &mut *const u8) -> [__m256i; 2] {
        let low = _mm256_set1_epi8(15);
        // SAFETY: as the caller promises.
        unsafe {
            // The low halves of bytes have the codes of places 0 to 15 and 32 to 47, the high ones those between and
            // after.
            let halves = _mm256_broadcastsi128_si256(_mm_loadu_si128(record.cast()));
            let halves = _mm256_and_si256(_mm256_srlv_epi64(halves, _mm256_setr_epi64x(0, 0, 4, 4)), low);
            // How many words of sixteen pass on before each: at most 15, so that two counts share a byte.
            let before = _mm256_bslli_epi128::<1>(_mm256_shuffle_epi8(self.passes, halves));
            let before = _mm256_add_epi8(before, _mm256_bslli_epi128::<1>(before));
            let before = _mm256_add_epi8(before, _mm256_bslli_epi128::<2>(before));
            let before = _mm256_add_epi8(before, _mm256_bslli_epi128::<4>(before));
            let before = _mm256_add_epi8(before, _mm256_bslli_epi128::<8>(before));
            let before =
                [_mm256_and_si256(before, low), _mm256_and_si256(_mm256_srli_epi16::<4>(before), low)];
            let passing = passing_of_group(record);
            let next = [
                load(*passed, passed.wrapping_add(passing[0])),
                load(passed.wrapping_add(passing[1]), passed.wrapping_add(passing[2])),
            ];
            *passed = passed.wrapping_add(passing[3]);
            let mut symbols = next;
            for half in 0..2 {
                let controls = _mm256_shuffle_epi8(self.controls[half], halves);
                let controls = _mm256_or_si256(before[half], controls);
                let named = _mm256_shuffle_epi8(self.symbols[half], halves);
                symbols[half] = _mm256_or_si256(named, _mm256_shuffle_epi8(next[half], controls));
            }
            symbols
        }
    }
}

/// If `FAR`, past the caches, and words before those of the rows are in `out`, too.
///
/// # Safety
/// Rows lie inside the payload, with their guard; stages are of the shape; rows have no tail if `FAR`.
#[target_feature(enable = "avx2,popcnt")]
pub(super) unsafe fn rows<const F16: bool, const FAR: bool>(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    stages: &mut Stages,
    out: &mut [u16],
) {
    let (levels, codes) = (Levels::avx2(shape, symbols), Codes::new(symbols));
    let start = out.len() - rows.len() * shape.dim;
    let mut joined = Joined::<FAR>::avx2(out, start);
    let mut before = joined.before(_mm256_setzero_si256());
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
#[target_feature(enable = "avx2,popcnt")]
unsafe fn row_of<const F16: bool, const FAR: bool>(
    shape: RowShape,
    bias: &[u8],
    codes: &Codes,
    payload: &[u8],
    row: Row,
    mut lines: Share,
    passed: &mut *const u8,
    (joined, at, mut before): (&mut Joined<'_, FAR>, usize, __m256i),
) -> __m256i {
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
            let mut upper = codes.symbols(record, passed);
            for half in 0..2 {
                let bias = _mm256_loadu_si256(bias.as_ptr().add(32 * half).cast());
                upper[half] = _mm256_add_epi8(upper[half], bias);
            }
            if F16 {
                let kept = kept(record.add(CODES));
                upper = [_mm256_add_epi8(upper[0], kept[0]), _mm256_add_epi8(upper[1], kept[1])];
            }
            let words = turned(words(upper, record.add(shape.lower())));
            if number == shape.full() {
                let whole: [u16; GROUP] = std::mem::transmute(words);
                let tail = joined.words(at + number * GROUP, shape.dim - number * GROUP);
                tail.copy_from_slice(&whole[..tail.len()]);
            } else {
                for quarter in 0..4 {
                    joined.store(to, before, words[quarter]);
                    (before, to) = (words[quarter], to.wrapping_add(GROUP / 4));
                }
            }
        }
        record = record.wrapping_add(shape.record());
    }
    before
}

/// Words whose quads are turned by a bit.
#[inline]
#[target_feature(enable = "avx2")]
fn turned(mut words: [__m256i; 4]) -> [__m256i; 4] {
    for quarter in 0..4 {
        let quads = words[quarter];
        words[quarter] = _mm256_or_si256(_mm256_srli_epi64::<1>(quads), _mm256_slli_epi64::<63>(quads));
    }
    words
}
