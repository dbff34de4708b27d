//! What the lists of the rows at hand add: the loops add a room to the upper bytes of a row, and leave it zero.

use std::arch::x86_64::*;

use super::row::{ENTRY, GROUP, LONGEST, Row, Symbols, WIDEST, entries};
use crate::kernel::Aligned;

/// Rows whose rooms are ready at a time: those that are multiplied, and those that come next.
const ROOMS: usize = 4;

/// Entries that are put in one go, whether a list has as many or not. How often is the same for all rows of a
/// table, and lists that have more are few: a loop over a list would end wrongly foretold, row by row.
const AT_ONCE: usize = 14;

/// A room for each of some rows that follow each other.
#[derive(Clone)]
pub(super) struct Rooms {
    bytes: Aligned<u8>,
    pitch: usize,
}

/// Where the rooms of a pass are.
#[derive(Clone, Copy)]
pub(super) struct Places {
    first: *mut u8,
    pitch: usize,
}

impl Rooms {
    /// For rows of so many words, not wider than [`WIDEST`].
    pub(super) fn new(dim: usize) -> Rooms {
        assert!(dim <= WIDEST);
        let padded = dim.next_multiple_of(GROUP);
        // Behind each row a group for entries that are none. Rooms 4 KiB apart would stand in each other's way:
        // a load waits for a store to an address that ends in the same twelve bits.
        let pitch = padded + GROUP;
        let pitch = if (pitch + 512) % 4096 < 1024 { pitch + 1024 } else { pitch };
        Rooms { bytes: Aligned::new(ROOMS * pitch, 0), pitch }
    }

    /// Where the rooms are, all of them zero.
    pub(super) fn places(&mut self) -> Places {
        assert_eq!(self.bytes.len(), ROOMS * self.pitch);
        Places { first: self.bytes.as_mut_ptr(), pitch: self.pitch }
    }
}

impl Places {
    /// The room of row `i`.
    #[inline]
    pub(super) fn of(self, i: usize) -> *mut u8 {
        self.first.wrapping_add(i % ROOMS * self.pitch)
    }
}

/// How many times the entries of a list are put, [`AT_ONCE`] at a time, whether it has as many or not.
pub(super) fn turns(symbols: Symbols<'_>) -> usize {
    symbols.listed.div_ceil(AT_ONCE).max(1)
}

/// A type of a pass's own, so that what the pass calls is its own, too, and is inlined.
pub(super) trait Caller {
    /// Whether [`turns`] of the table is 1: without a loop the pass is a tenth faster.
    const ONE_TURN: bool;
}

/// What lists add, in registers of AVX2.
#[derive(Clone, Copy)]
pub(super) struct Lists {
    table: [u8; 16],
    added: __m256i,
    /// Where entries go that a list does not have, or that lie behind the row.
    behind: usize,
    nowhere: __m256i,
    turns: usize,
}

const ORDER: [i16; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[inline]
#[target_feature(enable = "avx2")]
fn register(words: [i16; 16]) -> __m256i {
    // SAFETY: 32 bytes, whatever type names them.
    unsafe { std::mem::transmute::<[i16; 16], __m256i>(words) }
}

impl Lists {
    #[target_feature(enable = "avx2")]
    pub(super) fn new(symbols: Symbols<'_>) -> Lists {
        let table = symbols.added;
        // SAFETY: sixteen bytes.
        let added = unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) };
        let behind = symbols.bias.len().next_multiple_of(GROUP);
        let nowhere = _mm256_set1_epi16((behind as u16).cast_signed());
        Lists { table, added, behind, nowhere, turns: turns(symbols) }
    }

    /// Puts what the list of a row adds into its room. A plain row has no list.
    ///
    /// # Safety
    /// The row, its list in front, lies inside `payload` with its guard; the room is one of the table's.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn put<Of: Caller>(&self, payload: &[u8], row: Row, room: *mut u8) {
        // Every entry steps on by one, besides.
        let (mut left, mut before) = (row.entries(), register(ORDER));
        let mut list = payload.as_ptr().wrapping_add(row.at);
        let turns = if Of::ONE_TURN { 1 } else { self.turns };
        for turn in 0..turns {
            // SAFETY: 32 bytes from any entry on are of the list, the groups or the guard; there is no entry behind
            // the list that is looked at.
            let entries = unsafe { _mm256_loadu_si256(list.cast()) };
            // Places are sums of steps. They saturate, behind every row.
            let steps = _mm256_and_si256(entries, _mm256_set1_epi16(LONGEST as i16));
            let two = _mm256_adds_epu16(steps, _mm256_slli_si256::<2>(steps));
            let four = _mm256_adds_epu16(two, _mm256_slli_si256::<4>(two));
            let eight = _mm256_adds_epu16(four, _mm256_slli_si256::<8>(four));
            let low_half = _mm256_permute2x128_si256::<0x08>(eight, eight);
            let total = _mm256_shuffle_epi8(low_half, _mm256_set1_epi16(0x0f0e));
            let places = _mm256_adds_epu16(_mm256_adds_epu16(eight, total), before);
            let there = _mm256_cmpgt_epi16(_mm256_set1_epi16(left.min(16) as i16), register(ORDER));
            let nearest = _mm256_min_epu16(places, self.nowhere);
            let to = _mm256_blendv_epi8(self.nowhere, nearest, there);
            let bytes = _mm256_shuffle_epi8(self.added, _mm256_srli_epi16::<12>(entries));
            let bytes = _mm256_and_si256(bytes, _mm256_set1_epi16(0xff));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            // SAFETY: places are in the room, up to the group behind the row.
            unsafe { scatter(room, to, bytes) };
            if turn + 1 < turns {
                left = left.saturating_sub(AT_ONCE);
                list = list.wrapping_add(if left > 0 { AT_ONCE * ENTRY } else { 0 });
                let last = _mm256_extract_epi16::<{ AT_ONCE as i32 - 1 }>(places);
                let after = _mm256_adds_epu16(_mm256_set1_epi16(last as i16), _mm256_set1_epi16(1));
                before = _mm256_adds_epu16(after, register(ORDER));
            }
        }
        if row.entries() > turns * AT_ONCE {
            // SAFETY: as the caller promises.
            unsafe { self.put_rest(payload, row, turns * AT_ONCE, room) };
        }
    }
}

impl Lists {
    /// Puts the entries from number `from` on.
    ///
    /// # Safety
    /// As [`Lists::put`].
    #[cold]
    #[inline(never)]
    unsafe fn put_rest(&self, payload: &[u8], row: Row, from: usize, room: *mut u8) {
        if row.entries() > from {
            for (at, code) in entries(row.list(payload)).skip(from) {
                // SAFETY: behind a row, filled to whole groups, there is a group of its room.
                unsafe { *room.add(at.min(self.behind)) = self.table[code] };
            }
        }
    }
}

/// As [`Lists`], for two rows together, in registers of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct PairLists {
    one: Lists,
    added: __m512i,
    nowhere: __m512i,
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn halves(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

impl PairLists {
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    pub(super) fn new(symbols: Symbols<'_>) -> PairLists {
        let one = Lists::new(symbols);
        let Lists { added, nowhere, .. } = one;
        PairLists { one, added: halves(added, added), nowhere: halves(nowhere, nowhere) }
    }

    /// As [`Lists::put`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    pub(super) unsafe fn put<Of: Caller>(&self, payload: &[u8], rows: [Row; 2], rooms: [*mut u8; 2]) {
        // SAFETY: as the caller promises.
        unsafe {
            let order = halves(register(ORDER), register(ORDER));
            let places = self.turn::<Of, true>(payload, rows, 0, order, rooms);
            if !Of::ONE_TURN && self.one.turns > 1 {
                self.more::<Of>(payload, rows, places, rooms);
            }
            if rows[0].entries().max(rows[1].entries()) > self.one.turns * AT_ONCE {
                self.rest(payload, rows, rooms);
            }
        }
    }

    /// Puts [`AT_ONCE`] entries of each row from number `from` on, whose places begin `before`; gives their places.
    /// The first turn has code of its own, so that it is inlined.
    ///
    /// # Safety
    /// As [`Lists::put`].
    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn turn<Of: Caller, const FIRST: bool>(
        &self,
        payload: &[u8],
        rows: [Row; 2],
        from: usize,
        before: __m512i,
        rooms: [*mut u8; 2],
    ) -> __m512i {
        let [a, b] = [rows[0], rows[1]];
        let left = [a.entries().saturating_sub(from), b.entries().saturating_sub(from)];
        // A list that has ended is not looked at.
        let skip = |left: usize| if left > 0 { from * ENTRY } else { 0 };
        let at = [a.at + skip(left[0]), b.at + skip(left[1])];
        // SAFETY: as in `Lists::put`.
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
        // SAFETY: places are in the rooms, up to the group behind the row.
        unsafe {
            scatter(rooms[0], _mm512_castsi512_si256(to), _mm256_castsi256_si128(bytes));
            let high = _mm512_extracti64x4_epi64::<1>(to);
            scatter(rooms[1], high, _mm256_extracti128_si256::<1>(bytes));
        }
        places
    }

    /// The turns after the first, whose places are given.
    ///
    /// # Safety
    /// As [`Lists::put`].
    #[inline(never)] // rare among tables; loops need the registers
    #[target_feature(enable = "avx2,avx512f,avx512bw")]
    unsafe fn more<Of: Caller>(
        &self,
        payload: &[u8],
        rows: [Row; 2],
        mut places: __m512i,
        rooms: [*mut u8; 2],
    ) {
        let last = const { AT_ONCE as i16 - 1 };
        let lasts = halves(register([last; 16]), register([last + 16; 16]));
        let order = _mm512_add_epi16(halves(register(ORDER), register(ORDER)), _mm512_set1_epi16(1));
        for turn in 1..self.one.turns {
            let before = _mm512_adds_epu16(_mm512_permutexvar_epi16(lasts, places), order);
            // SAFETY: as the caller promises.
            places = unsafe { self.turn::<Of, false>(payload, rows, turn * AT_ONCE, before, rooms) };
        }
    }

    /// Entries that no turn put.
    ///
    /// # Safety
    /// As [`Lists::put`].
    #[cold]
    #[inline(never)]
    unsafe fn rest(&self, payload: &[u8], rows: [Row; 2], rooms: [*mut u8; 2]) {
        for (row, room) in rows.into_iter().zip(rooms) {
            // SAFETY: as the caller promises.
            unsafe { self.one.put_rest(payload, row, self.one.turns * AT_ONCE, room) };
        }
    }
}

/// Puts the first [`AT_ONCE`] of sixteen bytes into a room, each to its place.
///
/// # Safety
/// All places are in the room.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn scatter(room: *mut u8, to: __m256i, bytes: __m128i) {
    const { assert!(AT_ONCE <= 16) };
    let (low, high) = (_mm256_castsi256_si128(to), _mm256_extracti128_si256::<1>(to));
    let low = [_mm_cvtsi128_si64(low), _mm_extract_epi64::<1>(low)];
    let to = [low[0], low[1], _mm_cvtsi128_si64(high), _mm_extract_epi64::<1>(high)];
    let bytes = [opaque(_mm_cvtsi128_si64(bytes)), opaque(_mm_extract_epi64::<1>(bytes))];
    for i in 0..AT_ONCE {
        let byte = (bytes[i / 8] >> (8 * (i % 8))) as u8;
        // SAFETY: as the caller promises.
        unsafe { *room.add((to[i / 4].cast_unsigned() >> (16 * (i % 4)) & 0xffff) as usize) = byte };
    }
}

/// The same bits, of which the compiler does not know that they come from a vector register: it would take its
/// bytes out one by one, on the ports that vectors need, where shifts do.
#[inline]
fn opaque(mut bits: i64) -> i64 {
    // SAFETY: no instruction.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) bits, options(pure, nomem, nostack, preserves_flags)) };
    bits
}
