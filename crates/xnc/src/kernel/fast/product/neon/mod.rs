//! NEON, two rows in flight: activations are loaded once for both.

mod turn;

use super::{LOWER, Table, Tail, scalar};
use crate::kernel::Aligned;
use crate::kernel::ahead::{Lines, Plan};
use crate::kernel::dot::neon::{sum, zeros};
use crate::kernel::fast::rooms::{Lists, Rooms};
use crate::kernel::fast::row::Row;
use turn::{Constants, Turn};

/// How words are multiplied.
pub(super) trait Step {
    /// Of the activations, as the loop takes them.
    type X: Copy;

    /// Goes through whole groups; whether the result is the one that is defined.
    ///
    /// # Safety
    /// As [`Turn::groups`]; the machine has the instructions.
    unsafe fn groups<const PHASE: bool>(turn: &mut Turn<Self::X>, c: &Constants, groups: usize) -> bool;
}

/// With F32 activations.
#[derive(Clone)]
pub(super) struct F32;

/// With BF16 activations, as F32.
#[derive(Clone)]
pub(super) struct Pairs;

/// With BF16 activations, by instructions of their own.
#[derive(Clone)]
pub(super) struct Bf16;

impl Step for F32 {
    type X = f32;

    unsafe fn groups<const PHASE: bool>(turn: &mut Turn<f32>, c: &Constants, groups: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { turn.groups::<PHASE>(c, groups) };
        true
    }
}

impl Step for Pairs {
    type X = f32;

    unsafe fn groups<const PHASE: bool>(turn: &mut Turn<f32>, c: &Constants, groups: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { turn.pairs::<PHASE>(c, groups) }
    }
}

impl Step for Bf16 {
    type X = u16;

    unsafe fn groups<const PHASE: bool>(turn: &mut Turn<u16>, c: &Constants, groups: usize) -> bool {
        // SAFETY: as the caller promises.
        unsafe { turn.pairs::<PHASE>(c, groups) }
    }
}

/// Activations, and rooms for rows.
#[derive(Clone)]
pub(super) struct Desk<S: Step> {
    x: Aligned<S::X>,
    rooms: Rooms,
    /// For rows of which the loop does not know the result.
    exact: Option<scalar::Desk<u16>>,
}

impl<S: Step> Desk<S> {
    pub(super) fn new(table: &Table, x: Aligned<S::X>, exact: Option<scalar::Desk<u16>>) -> Self {
        Desk { x, rooms: Rooms::new(table.shape.dim), exact }
    }

    /// # Safety
    /// The machine has the instructions; rows lie inside the payload, with their guard.
    pub(super) unsafe fn rows(&mut self, table: &Table, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        // SAFETY: as the caller promises.
        unsafe {
            match table.phase {
                0 => self.pass::<false>(table, payload, rows, out),
                _ => self.pass::<true>(table, payload, rows, out),
            }
        }
    }

    #[target_feature(enable = "neon")]
    unsafe fn pass<const PHASE: bool>(
        &mut self,
        table: &Table,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
    ) {
        assert!(self.x.len() == table.bias.len() && self.x.len() >= table.shape.dim);
        let (places, plan) = (self.rooms.places(), Plan::of_machine());
        let (constants, lists) = (Constants::new(table), Lists::new(table.symbols()));
        // A row without another goes with itself.
        let pair = |i: usize| [rows[2 * i], *rows.get(2 * i + 1).unwrap_or(&rows[2 * i])];
        // Rooms are filled for a pair before the pair in front is multiplied.
        for next in 0..=out.len().div_ceil(2) {
            if 2 * next < rows.len() {
                for (r, row) in pair(next).into_iter().enumerate() {
                    // SAFETY: as the caller promises.
                    unsafe { lists.put(payload, row, places.of(2 * next + r)) };
                }
            }
            let Some(i) = next.checked_sub(1) else { continue };
            let rows = pair(i);
            let mut turn = Turn {
                lanes: [zeros(); 2],
                records: rows.map(|row| payload.as_ptr().wrapping_add(row.groups())),
                rooms: [places.of(2 * i), places.of(2 * i + 1)],
                bias: table.bias.as_ptr(),
                x: self.x.as_ptr(),
                lines: Lines::from(plan, payload, rows[0].at),
            };
            // SAFETY: groups lie inside the payload; rooms, biases and activations are filled to whole groups. The
            // rest of a row is less than a group.
            let defined = unsafe {
                let mut defined = S::groups::<PHASE>(&mut turn, &constants, table.shape.groups());
                if table.shape.tail() > 0 {
                    let mut tails: [Tail; 2] =
                        std::array::from_fn(|r| Tail::new(table, payload, rows[r], turn.rooms[r]));
                    turn.records = tails.each_ref().map(|tail| tail.record.as_ptr());
                    turn.rooms = tails.each_mut().map(|tail| tail.room.as_mut_ptr());
                    defined &= S::groups::<PHASE>(&mut turn, &constants, 1);
                }
                defined
            };
            let out = out[2 * i..].iter_mut().zip(rows).zip(turn.lanes);
            for ((out, row), lanes) in out {
                match &mut self.exact {
                    Some(exact) if !defined => exact.rows(table, payload, &[row], std::slice::from_mut(out)),
                    _ => *out = sum(lanes),
                }
            }
        }
    }
}
