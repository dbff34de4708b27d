//! AVX-512, two rows together.

use std::arch::x86_64::*;

use super::avx2::{Caller, Entries, Lists, NONE, ORDER, register};
use super::{AT_ONCE, Places, put_rest, turns};
use crate::kernel::fast::row::{ENTRY, LONGEST, Row, Symbols};

/// As [`Lists`], for two rows together, in registers of AVX-512.
pub(in crate::kernel::fast) struct PairLists {
    one: Lists,
    added: __m512i,
    nowhere: __m512i,
    /// What was read last, a turn each.
    read: Vec<[Entries; 2]>,
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn halves(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

impl PairLists {
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    pub(in crate::kernel::fast) fn new(symbols: Symbols<'_>) -> PairLists {
        let one = Lists::new(symbols);
        let (added, nowhere) = (halves(one.added, one.added), halves(one.nowhere, one.nowhere));
        PairLists { one, added, nowhere, read: vec![[NONE; 2]; turns(symbols)] }
    }

    /// As [`Lists::advance`], of the pair of rows from `i` on, which grows in twos. The last row of an odd number goes
    /// with itself.
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    pub(in crate::kernel::fast) unsafe fn advance<Of: Caller>(
        &mut self,
        payload: &[u8],
        rows: &[Row],
        i: usize,
        rooms: Places,
    ) -> Option<(usize, [Row; 2])> {
        let pair = |i: usize| Some([*rows.get(i)?, *rows.get(i + 1).or(rows.last())?]);
        let before = i.wrapping_sub(2);
        if let Some(pair) = pair(before) {
            // SAFETY: as the caller promises.
            unsafe { self.put::<Of>(payload, pair, [rooms.of(before), rooms.of(before + 1)]) };
        }
        if let Some(pair) = pair(i) {
            // SAFETY: as the caller promises.
            unsafe { self.read::<Of>(payload, pair) };
        }
        let ready = i.checked_sub(Self::EARLY)?;
        Some((ready, pair(ready)?))
    }

    /// Rows by which lists are read before their pair is taken.
    pub(in crate::kernel::fast) const EARLY: usize = 4;

    /// As [`Lists::read`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn read<Of: Caller>(&mut self, payload: &[u8], rows: [Row; 2]) {
        let order = halves(register(ORDER), register(ORDER));
        // SAFETY: as the caller promises.
        unsafe {
            let places = self.turn::<Of, true>(payload, rows, 0, order);
            if !Of::ONE_TURN && self.read.len() > 1 {
                self.more::<Of>(payload, rows, places);
            }
        }
    }

    /// As [`Lists::put`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn put<Of: Caller>(&self, payload: &[u8], rows: [Row; 2], rooms: [*mut u8; 2]) {
        let turns = if Of::ONE_TURN { 1 } else { self.read.len() };
        for read in &self.read[..turns] {
            // SAFETY: places are in the rooms, up to the group behind the row.
            unsafe {
                read[0].put(rooms[0]);
                read[1].put(rooms[1]);
            }
        }
        if rows[0].entries().max(rows[1].entries()) > turns * AT_ONCE {
            // SAFETY: as the caller promises.
            unsafe { self.rest(payload, rows, rooms) };
        }
    }

    /// Reads a turn of each list, whose places begin `before`; gives their places. The first turn has code of its own,
    /// so that it is inlined.
    ///
    /// # Safety
    /// As [`Lists::read`].
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn turn<Of: Caller, const FIRST: bool>(
        &mut self,
        payload: &[u8],
        rows: [Row; 2],
        turn: usize,
        before: __m512i,
    ) -> __m512i {
        let [a, b] = [rows[0], rows[1]];
        let from = turn * AT_ONCE;
        let left = [a.entries().saturating_sub(from), b.entries().saturating_sub(from)];
        // A list that has ended is not looked at.
        let skip = |left: usize| if left > 0 { from * ENTRY } else { 0 };
        let at = [a.at + skip(left[0]), b.at + skip(left[1])];
        // SAFETY: as in `Lists::read`.
        let (low, high) = unsafe {
            (
                _mm256_loadu_si256(payload.as_ptr().add(at[0]).cast()),
                _mm256_loadu_si256(payload.as_ptr().add(at[1]).cast()),
            )
        };
        let entries = halves(low, high);
        let steps = _mm512_and_si512(entries, _mm512_set1_epi16(LONGEST as i16));
        let two = _mm512_adds_epu16(steps, _mm512_bslli_epi128::<2>(steps));
        let four = _mm512_adds_epu16(two, _mm512_bslli_epi128::<4>(two));
        let eight = _mm512_adds_epu16(four, _mm512_bslli_epi128::<8>(four));
        let ends = halves(register([7; 16]), register([23; 16]));
        let total = _mm512_maskz_permutexvar_epi16(0xff00_ff00, ends, eight);
        let places = _mm512_adds_epu16(_mm512_adds_epu16(eight, total), before);
        let there = |left: usize| (1_u32 << left.min(16)) - 1;
        let there = there(left[1]) << 16 | there(left[0]);
        let to = _mm512_mask_min_epu16(self.nowhere, there, places, self.nowhere);
        let bytes = _mm512_shuffle_epi8(self.added, _mm512_srli_epi16::<12>(entries));
        let bytes = _mm512_cvtepi16_epi8(bytes);
        let [a, b] = &mut self.read[turn];
        a.set(_mm512_castsi512_si256(to), _mm256_castsi256_si128(bytes));
        b.set(_mm512_extracti64x4_epi64::<1>(to), _mm256_extracti128_si256::<1>(bytes));
        places
    }

    /// Reads the turns after the first, whose places are given.
    ///
    /// # Safety
    /// As [`Lists::read`].
    #[inline(never)] // rare among tables; loops need the registers
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn more<Of: Caller>(&mut self, payload: &[u8], rows: [Row; 2], mut places: __m512i) {
        let last = const { AT_ONCE as i16 - 1 };
        let lasts = halves(register([last; 16]), register([last + 16; 16]));
        let order = _mm512_add_epi16(halves(register(ORDER), register(ORDER)), _mm512_set1_epi16(1));
        for turn in 1..self.read.len() {
            let before = _mm512_adds_epu16(_mm512_permutexvar_epi16(lasts, places), order);
            // SAFETY: as the caller promises.
            places = unsafe { self.turn::<Of, false>(payload, rows, turn, before) };
        }
    }

    /// Puts entries that no turn read.
    ///
    /// # Safety
    /// As [`Lists::put`].
    #[cold]
    #[inline(never)]
    unsafe fn rest(&self, payload: &[u8], rows: [Row; 2], rooms: [*mut u8; 2]) {
        for (row, room) in rows.into_iter().zip(rooms) {
            let from = self.read.len() * AT_ONCE;
            // SAFETY: as the caller promises.
            unsafe { put_rest(&self.one.table, self.one.behind, payload, row, from, room) };
        }
    }
}
