//! AVX2.

use std::arch::x86_64::*;

use super::{AT_ONCE, Places, put_rest, turns};
use crate::kernel::fast::row::{ENTRY, GROUP, LONGEST, Row, Symbols};

/// A type of a pass's own, so that what the pass calls is its own, too, and is inlined: a call costs a product a tenth.
pub(in crate::kernel::fast) trait Caller {
    /// Whether [`turns`] of the table is 1: without a loop the pass is a tenth faster.
    const ONE_TURN: bool;
}

/// Entries of a row's list as they are put into its room.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Entries {
    places: [u16; 16],
    bytes: [u8; 16],
}

pub(super) const NONE: Entries = Entries { places: [0; 16], bytes: [0; 16] };

/// What lists add, in registers of AVX2. A list is read a row before it is put: places are sums along the list, and
/// stores that waited for them would keep the loop behind them from beginning (Zen 4: a fifth of a product).
pub(in crate::kernel::fast) struct Lists {
    pub(super) table: [u8; 16],
    pub(super) added: __m256i,
    /// Where entries go that a list does not have, or that lie behind the row.
    pub(super) behind: usize,
    pub(super) nowhere: __m256i,
    /// What was read last, a turn each.
    read: Vec<Entries>,
}

pub(super) const ORDER: [i16; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn register(words: [i16; 16]) -> __m256i {
    // SAFETY: 32 bytes, whatever type names them.
    unsafe { std::mem::transmute::<[i16; 16], __m256i>(words) }
}

impl Lists {
    #[target_feature(enable = "avx2")]
    pub(in crate::kernel::fast) fn new(symbols: Symbols<'_>) -> Lists {
        let table = symbols.added;
        // SAFETY: sixteen bytes.
        let added = unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) };
        let behind = symbols.bias.len().next_multiple_of(GROUP);
        let nowhere = _mm256_set1_epi16((behind as u16).cast_signed());
        Lists { table, added, behind, nowhere, read: vec![NONE; turns(symbols)] }
    }

    /// Reads the list of row `i` of a pass, puts the one before into its room, and gives the number of the row whose
    /// room has been ready for a while. A pass goes on until that is its last: [`Lists::EARLY`] rows more.
    ///
    /// # Safety
    /// Rows, their lists in front, lie inside `payload` with their guard; `i` grows from 0 in ones; rooms are the
    /// table's.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in crate::kernel::fast) unsafe fn advance<Of: Caller>(
        &mut self,
        payload: &[u8],
        rows: &[Row],
        i: usize,
        rooms: Places,
    ) -> Option<usize> {
        let before = i.wrapping_sub(1);
        if let Some(row) = rows.get(before) {
            // SAFETY: as the caller promises.
            unsafe { self.put::<Of>(payload, *row, rooms.of(before)) };
        }
        if let Some(row) = rows.get(i) {
            // SAFETY: as the caller promises.
            unsafe { self.read::<Of>(payload, *row) };
        }
        i.checked_sub(Self::EARLY)
    }

    /// Rows by which lists are read before their row is taken.
    pub(in crate::kernel::fast) const EARLY: usize = 3;

    /// Reads the list of a row. A plain row has none.
    ///
    /// # Safety
    /// The row, its list in front, lies inside `payload` with its guard.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn read<Of: Caller>(&mut self, payload: &[u8], row: Row) {
        // Every entry steps on by one, besides.
        let (mut left, mut before) = (row.entries(), register(ORDER));
        let mut list = payload.as_ptr().wrapping_add(row.at);
        let turns = if Of::ONE_TURN { 1 } else { self.read.len() };
        for (turn, read) in self.read[..turns].iter_mut().enumerate() {
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
            read.set(to, bytes);
            if turn + 1 < turns {
                left = left.saturating_sub(AT_ONCE);
                list = list.wrapping_add(if left > 0 { AT_ONCE * ENTRY } else { 0 });
                let last = _mm256_extract_epi16::<{ AT_ONCE as i32 - 1 }>(places);
                let after = _mm256_adds_epu16(_mm256_set1_epi16(last as i16), _mm256_set1_epi16(1));
                before = _mm256_adds_epu16(after, register(ORDER));
            }
        }
    }

    /// Puts what the list of a row adds into its room. Its list was read last.
    ///
    /// # Safety
    /// The row, its list in front, lies inside `payload`; the room is one of the table's.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn put<Of: Caller>(&self, payload: &[u8], row: Row, room: *mut u8) {
        let turns = if Of::ONE_TURN { 1 } else { self.read.len() };
        for read in &self.read[..turns] {
            // SAFETY: places are in the room, up to the group behind the row.
            unsafe { read.put(room) };
        }
        if row.entries() > turns * AT_ONCE {
            // SAFETY: as the caller promises.
            unsafe { put_rest(&self.table, self.behind, payload, row, turns * AT_ONCE, room) };
        }
    }
}

impl Entries {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn set(&mut self, places: __m256i, bytes: __m128i) {
        // SAFETY: 32 bytes, and sixteen.
        unsafe {
            _mm256_storeu_si256(self.places.as_mut_ptr().cast(), places);
            _mm_storeu_si128(self.bytes.as_mut_ptr().cast(), bytes);
        }
    }

    /// Puts the first [`AT_ONCE`] into a room, each to its place.
    ///
    /// # Safety
    /// All places are in the room.
    #[inline]
    pub(super) unsafe fn put(&self, room: *mut u8) {
        const { assert!(AT_ONCE <= 16) };
        for (&place, &byte) in self.places.iter().zip(&self.bytes).take(AT_ONCE) {
            // SAFETY: as the caller promises.
            unsafe { *room.add(usize::from(place)) = byte };
        }
    }
}
