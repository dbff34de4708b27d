//! Symbols of the deeper levels of some rows, made ready before the rows' groups are taken.
//!
//! The loop over groups then takes a register of symbols for each. Whether words pass on decides no branch: of each
//! level as many registers are made as nearly all rows of the table take, whether a row has as many or not.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;

use super::row::{CODED, CODES, GROUP, Row, RowShape, Symbols};
use crate::kernel::Aligned;

/// Rows that are made ready together: so few that their lines are still in the nearest cache, so many that what
/// was stored for the first is there when it is loaded.
pub(super) const ROWS: usize = 8;

/// Symbols of the deeper levels of [`ROWS`] rows.
#[derive(Clone)]
pub(super) struct Stages {
    /// Of words that passed the second level.
    deep: Aligned<u8>,
    /// Of words that passed the first.
    passed: Aligned<u8>,
    pitch: usize,
}

impl Stages {
    /// `None` for rows so short that before the end of one there may be fewer bytes than words, filled to groups.
    pub(super) fn new(shape: RowShape) -> Option<Stages> {
        // A register may be loaded from behind the last symbol.
        let pitch = shape.places() + 2 * GROUP;
        let stage = || Aligned::new(ROWS * pitch, 0);
        (shape.coded() >= shape.places()).then(|| Stages { deep: stage(), passed: stage(), pitch })
    }
}

/// Where symbols of words that passed the first level are, and where those end that were made ready.
pub(super) struct Ready {
    pub(super) from: [*const u8; ROWS],
    pub(super) to: [*const u8; ROWS],
}

/// What an instruction set makes of 64 codes that follow each other: their symbols, and how many words pass on.
pub(super) trait Registers {
    /// Of the second level; words that pass on have their symbols from `next` on.
    ///
    /// # Safety
    /// The machine has the instructions. There are [`CODES`] bytes of codes, [`GROUP`] at `next`, and room for as many
    /// at `to`.
    unsafe fn second(&self, codes: *const u8, next: *const u8, to: *mut u8) -> usize;

    /// Of the third level; words that pass on have their symbols before `end`, the first one last.
    ///
    /// # Safety
    /// As above, with [`GROUP`] bytes before `end`.
    unsafe fn third(&self, codes: *const u8, end: *const u8, to: *mut u8) -> usize;
}

/// What turns the codes of levels into symbols.
#[derive(Clone, Copy)]
pub(super) struct Levels<R> {
    shape: RowShape,
    registers: R,
    usual: [usize; 2],
}

// Inlined into what has the instructions of `R`.
#[allow(clippy::inline_always)]
impl<R: Registers> Levels<R> {
    #[inline(always)]
    pub(super) fn new(shape: RowShape, symbols: Symbols<'_>, registers: R) -> Self {
        let (most, [second, third]) = (shape.groups().max(1), symbols.usual);
        let usual = [second.clamp(1, most), third.clamp(1, most)];
        Levels { shape, registers, usual }
    }

    /// Makes rows ready, none of them plain; all that their bytes could ask for, if `all`, or else what rows as they
    /// should be ask for.
    ///
    /// # Safety
    /// The machine has the instructions. Rows lie inside `payload` with their guard; stages are of the table's shape.
    #[inline(always)]
    pub(super) unsafe fn stage(
        &self,
        payload: *const u8,
        rows: &[Row; ROWS],
        stages: &mut Stages,
        all: bool,
    ) -> Ready {
        let (pitch, groups, coded) = (stages.pitch, self.shape.groups(), self.shape.coded());
        let (deep, passed) = (stages.deep.as_mut_ptr(), stages.passed.as_mut_ptr());
        let mut ready = Ready { from: [passed.cast_const(); ROWS], to: [passed.cast_const(); ROWS] };
        let [usual, usual_deep] = self.usual;
        for (i, row) in rows.iter().enumerate() {
            let second = payload.wrapping_add(row.at + coded);
            // SAFETY: as the caller promises.
            unsafe {
                self.third(second.wrapping_add(row.second), *row, usual_deep, deep.wrapping_add(i * pitch))
            };
        }
        for (i, row) in rows.iter().enumerate() {
            let second = payload.wrapping_add(row.at + coded);
            let (deep, passed) = (deep.wrapping_add(i * pitch), passed.wrapping_add(i * pitch));
            let registers = if all { groups } else { usual.max(row.second.div_ceil(CODES)) };
            // SAFETY: as the caller promises; a stage has room for as many registers as a row has groups, and one.
            unsafe {
                let asked = self.second(second, deep, registers, passed);
                if asked > GROUP * usual_deep {
                    let third = second.wrapping_add(row.second);
                    self.third(third, *row, asked.div_ceil(GROUP), deep);
                    self.second(second, deep, registers, passed);
                }
            }
            ready.from[i] = passed;
            ready.to[i] = passed.wrapping_add(GROUP * registers);
        }
        ready
    }

    /// Registers of the second level; how many of their words pass on.
    #[inline(always)]
    unsafe fn second(&self, codes: *const u8, deep: *const u8, registers: usize, to: *mut u8) -> usize {
        let mut asked = 0;
        for number in 0..registers {
            let (codes, to) = (codes.wrapping_add(CODES * number), to.wrapping_add(GROUP * number));
            // SAFETY: as the caller promises. Words that ask are no more than places, and a register is behind them.
            asked += unsafe { self.registers.second(codes, deep.wrapping_add(asked), to) };
        }
        asked
    }

    /// Registers of the third level.
    #[inline(always)]
    unsafe fn third(&self, codes: *const u8, row: Row, registers: usize, to: *mut u8) {
        let mut end = codes.wrapping_add(row.third);
        for number in 0..registers {
            let (codes, to) = (codes.wrapping_add(CODES * number), to.wrapping_add(GROUP * number));
            // SAFETY: as the caller promises. A row takes 64 bytes a group and more, so that as many before its
            // end are its own.
            end = end.wrapping_sub(unsafe { self.registers.third(codes, end, to) });
        }
    }
}

/// Rows by the block, and where each begins. A row that is plain, or missing from the last block, is there as another;
/// where all are plain, there is no block.
pub(super) fn blocks(rows: &[Row]) -> impl Iterator<Item = (usize, [Row; ROWS])> {
    let like = rows.iter().find(|row| !row.is_plain()).copied();
    let blocks = rows.chunks(ROWS).zip((0..).step_by(ROWS));
    blocks.filter_map(move |(rows, first)| Some((first, filled(rows, like?))))
}

fn filled(rows: &[Row], like: Row) -> [Row; ROWS] {
    let mut block = [like; ROWS];
    for (to, row) in block.iter_mut().zip(rows).filter(|(_, row)| !row.is_plain()) {
        *to = *row;
    }
    block
}

/// Symbols by code, those of words that pass on zero.
pub(super) fn named(level: [u8; 1 + CODED]) -> [u8; 1 + CODED] {
    let [_, one, two, three] = level;
    [0, one, two, three]
}

/// Of 64 codes that follow each other, how many are 0 among the first 16, 32, 48, and all.
///
/// # Safety
/// There are [`CODES`] bytes.
#[allow(clippy::inline_always)] // into what can count bits
#[inline(always)]
unsafe fn passing(codes: *const u8) -> [usize; 4] {
    // SAFETY: as the caller promises.
    let [a, b] = unsafe { codes.cast::<[u64; 2]>().read_unaligned() };
    let (a, b) = (zeros(a), zeros(b));
    let half = ones(a);
    [ones(a & 0xffff_ffff), half, half + ones(b & 0xffff_ffff), half + ones(b)]
}

/// As [`passing`], for the codes of a group in order of places.
///
/// # Safety
/// There are [`CODES`] bytes.
#[allow(clippy::inline_always)]
#[inline(always)]
pub(super) unsafe fn passing_of_group(codes: *const u8) -> [usize; 4] {
    // SAFETY: as the caller promises.
    let [a, b] = unsafe { codes.cast::<[u64; 2]>().read_unaligned() };
    let zeros = zeros(a) | zeros(b) << 1;
    // A byte has the codes of four sixteens: see `rank_bit`.
    [
        ones(zeros & 0x0303_0303_0303_0303),
        ones(zeros & 0x3333_3333_3333_3333),
        ones(zeros & 0x3f3f_3f3f_3f3f_3f3f),
        ones(zeros),
    ]
}

#[allow(clippy::inline_always)]
#[inline(always)]
fn ones(bits: u64) -> usize {
    bits.count_ones() as usize
}

/// The lower bit of each code that is 0.
#[allow(clippy::inline_always)]
#[inline(always)]
fn zeros(codes: u64) -> u64 {
    !(codes | codes >> 1) & 0x5555_5555_5555_5555
}
