//! AVX2, a row at a time. With BF16 activations the arithmetic is that of `vdpbf16ps`.

mod turn;

use std::arch::x86_64::*;

use super::{LOWER, Table, Tail};
use crate::dtype::Dtype;
use crate::kernel::Aligned;
use crate::kernel::ahead::Plan;
use crate::kernel::backend::{Backend, Isa};
use crate::kernel::dot::{self, sum_avx2 as sum};
use crate::kernel::fast::rooms::{Caller, Lists, Rooms, turns};
use crate::kernel::fast::row::Row;
use turn::{Constants, Turn};

/// Activations as F32, and rooms for rows. With `PAIRS`, activations were BF16, and the arithmetic is that of
/// `vdpbf16ps`.
#[derive(Clone)]
pub(super) struct Desk<const PAIRS: bool> {
    x: Aligned<f32>,
    rooms: Rooms,
}

impl<const PAIRS: bool> Desk<PAIRS> {
    pub(super) fn new(table: &Table, x: &[f32]) -> Self {
        let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
        dot::arrange(Backend(Isa::Avx2), Dtype::Bf16, x, &mut arranged);
        Desk { x: arranged, rooms: Rooms::new(table.shape.dim) }
    }

    /// # Safety
    /// The machine has the instructions; rows lie inside the payload, with their guard.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn rows(&mut self, table: &Table, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        // SAFETY: as the caller promises.
        unsafe {
            match turns(table.symbols()) {
                1 => self.pass::<true>(table, payload, rows, out),
                _ => self.pass::<false>(table, payload, rows, out),
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    unsafe fn pass<const ONE_TURN: bool>(
        &mut self,
        table: &Table,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
    ) {
        struct Pass<const PAIRS: bool, const ONE_TURN: bool>;
        impl<const PAIRS: bool, const ONE_TURN: bool> Caller for Pass<PAIRS, ONE_TURN> {
            const ONE_TURN: bool = ONE_TURN;
        }
        assert!(self.x.len() == table.bias.len() && self.x.len() >= table.shape.dim);
        let (x, rooms, plan) = (self.x.as_ptr(), self.rooms.places(), Plan::of_machine());
        let (constants, mut lists) = (Constants::new(table), Lists::new(table.symbols()));
        let groups = table.shape.groups();
        for i in 0..rows.len() + Lists::EARLY {
            // SAFETY: as the caller promises.
            let ready = unsafe { lists.advance::<Pass<PAIRS, ONE_TURN>>(payload, rows, i, rooms) };
            let Some(i) = ready else { continue };
            let mut turn = Turn {
                lanes: [_mm256_setzero_ps(); 4],
                record: payload.as_ptr().wrapping_add(rows[i].groups()),
                room: rooms.of(i),
                bias: table.bias.as_ptr(),
                x,
                plan,
            };
            // SAFETY: groups lie inside the payload; rooms, biases and activations are aligned, and filled to whole
            // groups. The rest of a row is less than a group.
            unsafe {
                turn.groups::<PAIRS>(&constants, table.phase != 0, groups);
                if table.shape.tail() > 0 {
                    let mut tail = Tail::new(table, payload, rows[i], turn.room);
                    turn.record = tail.record.as_ptr();
                    turn.room = tail.room.as_mut_ptr();
                    turn.groups::<PAIRS>(&constants, table.phase != 0, 1);
                }
            }
            out[i] = sum(turn.lanes);
        }
    }
}
