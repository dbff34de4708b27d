//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(in crate::kernel) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lines;
#[cfg(target_arch = "aarch64")]
pub(in crate::kernel) mod neon;
pub(super) mod scalar;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::rooms::Rooms;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::row::{GROUP, WordSplit};
use super::row::{Row, RowShape, Symbols, WIDEST, assert_inside, entries};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use crate::kernel::stream::Stream;

/// What to ask memory for while rows are decoded: for row `i` as many lines as a row takes, from place `i` in the
/// payload on; for rows that have no such place, nothing. A line at a time, between groups: many at once would
/// stand in each other's way.
pub type Ahead<'a> = &'a [usize];

/// Writes the words of coded rows, one row after another; of a plain row any words. Any bytes give some words;
/// an entry of a list that lies behind the row changes nothing.
///
/// # Panics
/// If a row and its guard are not all in the payload, `out` is not `rows.len() * dim` long, or the bias not
/// `dim`.
pub fn rows(
    backend: Backend,
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    rows: &[Row],
    ahead: Ahead<'_>,
    out: &mut [u16],
) {
    assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.dim);
    if shape.dim == 0 {
        return;
    }
    assert_inside(shape, payload, rows);
    match (backend.0, shape.split) {
        (Isa::Scalar, _) => scalar::rows(shape, symbols, payload, rows, out),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; rows lie inside.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, WordSplit::Bf16) => unsafe {
            avx2::rows::<false>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, WordSplit::F16) => unsafe {
            avx2::rows::<true>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, WordSplit::Bf16) => unsafe {
            avx512::rows::<false>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512 { .. }, WordSplit::F16) => unsafe {
            avx512::rows::<true>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, WordSplit::Bf16) => unsafe {
            neon::rows::<false>(shape, symbols, payload, rows, ahead, out)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        (Isa::Neon { .. }, WordSplit::F16) => unsafe {
            neon::rows::<true>(shape, symbols, payload, rows, ahead, out)
        },
    }
    // Only portable loops ask for nothing ahead.
    let _ = ahead;
}

/// Decodes many rows that follow each other: quicker than [`rows`], but for making it.
#[derive(Clone)]
pub struct Many {
    backend: Backend,
    shape: RowShape,
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    rooms: Rooms,
}

/// Calls a loop for what words are and whether they go past the caches.
#[cfg(target_arch = "x86_64")]
macro_rules! many {
    ($split:expr, $far:expr, $isa:ident $arguments:tt) => {
        match ($split, $far) {
            (WordSplit::Bf16, false) => $isa::many::<false, false> $arguments,
            (WordSplit::Bf16, true) => $isa::many::<false, true> $arguments,
            (WordSplit::F16, false) => $isa::many::<true, false> $arguments,
            (WordSplit::F16, true) => $isa::many::<true, true> $arguments,
        }
    };
}

impl Many {
    /// `None` where the machine has no loop for it, or rows are too wide.
    pub fn new(backend: Backend, shape: RowShape) -> Option<Many> {
        let suits = (1..=WIDEST).contains(&shape.dim) && backend != Backend::SCALAR;
        suits.then(|| Many {
            backend,
            shape,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            rooms: Rooms::new(shape.dim),
        })
    }

    /// As [`rows`]; past the caches if `far` is given, where loops can.
    ///
    /// # Panics
    /// As [`rows`].
    pub fn rows(
        &mut self,
        symbols: Symbols<'_>,
        payload: &[u8],
        mut rows: &[Row],
        out: &mut [u16],
        far: Option<&Stream>,
    ) {
        let shape = self.shape;
        assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.dim);
        assert_inside(shape, payload, rows);
        let far = rows.len() > 1 && shape.tail() == 0 && far.is_some_and(|stream| stream.joins(out));
        if far && let Some(first) = rows.split_off(..1) {
            self::rows(self.backend, shape, symbols, payload, first, &[], &mut out[..shape.dim]);
        }
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let rooms = &mut self.rooms;
        match self.backend.0 {
            Isa::Scalar => scalar::rows(shape, symbols, payload, rows, out),
            // SAFETY: as in [`super::unpack::rows`]; past the caches there is a row before, and none has a tail.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe {
                many!(shape.split, far, avx2(shape, symbols, payload, rows, rooms, out));
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => unsafe {
                many!(shape.split, far, avx512(shape, symbols, payload, rows, rooms, out));
            },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => unsafe {
                match shape.split {
                    WordSplit::Bf16 => neon::many::<false>(shape, symbols, payload, rows, rooms, out),
                    WordSplit::F16 => neon::many::<true>(shape, symbols, payload, rows, rooms, out),
                }
            },
        }
    }
}

/// The words behind the last full group; the room is left zero.
///
/// # Safety
/// The row lies inside the payload; `room` is what is left of its room behind full groups.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(never)] // the loops need the registers
pub(super) unsafe fn tail(
    shape: RowShape,
    symbols: Symbols<'_>,
    payload: &[u8],
    row: Row,
    room: *mut u8,
    out: &mut [u16],
) {
    let bytes = &payload[row.groups() + shape.groups() * shape.record()..][..shape.tail_bytes()];
    // SAFETY: a room is filled to whole groups.
    let room = unsafe { std::slice::from_raw_parts_mut(room, GROUP) };
    let mut with_list = [0; GROUP];
    for ((sum, bias), listed) in with_list.iter_mut().zip(&symbols.bias[shape.full()..]).zip(&*room) {
        *sum = bias.wrapping_add(*listed);
    }
    scalar::tail(shape.split, symbols, bytes, &with_list[..shape.tail()], out);
    room.fill(0);
}

/// Adds what a row's list says to the words that its groups and its tail gave.
#[inline]
fn add_listed(shape: RowShape, symbols: Symbols<'_>, row: Row, payload: &[u8], out: &mut [u16]) {
    for (at, code) in entries(row.list(payload)) {
        if at < shape.dim {
            let word = &mut out[shape.column(at)];
            *word = word.wrapping_add(u16::from(symbols.added[code]) << 8);
        }
    }
}
