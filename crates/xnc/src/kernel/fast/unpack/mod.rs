//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "x86_64")]
mod lines;
pub(super) mod scalar;

#[cfg(target_arch = "x86_64")]
use super::rooms::Rooms;
use super::row::{Row, RowShape, Symbols, WIDEST, WordSplit, assert_inside, entries};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use crate::kernel::stream::Stream;

/// What to ask memory for while rows are decoded: for row `i` as many lines as a row takes, from `bytes` after
/// `at[i]` on; for rows that have no such place, nothing. A line at a time, between groups: many at once would
/// stand in each other's way.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the portable loop asks for nothing
pub struct Ahead<'a> {
    /// Places in the payload.
    pub at: &'a [usize],
    /// Bytes after these.
    pub bytes: usize,
}

impl Ahead<'_> {
    /// Nothing.
    pub const NONE: Ahead<'static> = Ahead { at: &[], bytes: 0 };
}

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
    }
    // Only portable loops ask for nothing ahead.
    let _ = ahead;
}

/// Decodes many rows past the caches: to memory that nobody reads soon.
pub struct Past {
    backend: Backend,
    shape: RowShape,
    #[cfg(target_arch = "x86_64")]
    rooms: Rooms,
}

impl Past {
    /// `None` where the machine has no loop for it, or rows are no whole groups, or too wide.
    pub fn new(backend: Backend, shape: RowShape) -> Option<Past> {
        let suits = shape.tail() == 0 && (1..=WIDEST).contains(&shape.dim);
        (suits && backend != Backend::SCALAR).then(|| Past {
            backend,
            shape,
            #[cfg(target_arch = "x86_64")]
            rooms: Rooms::new(shape.dim),
        })
    }

    /// As [`rows`], if `out` begins on a line of 64 bytes.
    ///
    /// # Panics
    /// As [`rows`], and if `out` begins elsewhere.
    pub fn rows(
        &mut self,
        symbols: Symbols<'_>,
        payload: &[u8],
        rows: &[Row],
        out: &mut [u16],
        _far: &Stream,
    ) {
        let shape = self.shape;
        assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.dim);
        assert_inside(shape, payload, rows);
        #[cfg(target_arch = "x86_64")]
        let rooms = &mut self.rooms;
        match (self.backend.0, shape.split) {
            (Isa::Scalar, _) => scalar::rows(shape, symbols, payload, rows, out),
            // SAFETY: as in [`super::unpack::rows`]; a stream's scope ends with a fence.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, WordSplit::Bf16) => unsafe {
                avx2::past::<false>(shape, symbols, payload, rows, rooms, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, WordSplit::F16) => unsafe {
                avx2::past::<true>(shape, symbols, payload, rows, rooms, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, WordSplit::Bf16) => unsafe {
                avx512::past::<false>(shape, symbols, payload, rows, rooms, out)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, WordSplit::F16) => unsafe {
                avx512::past::<true>(shape, symbols, payload, rows, rooms, out)
            },
        }
    }
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
