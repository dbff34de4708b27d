//! Coded rows to their words.

/// Makes the stages of some rows ready, then does each of these rows, again and again. Rows that stepped over more
/// symbols than were made ready are forged: they are done once more, with all symbols there can be. A macro, because
/// a closure would be called without the loop's instruction set. To be used in a function whose caller promises that
/// rows lie inside the payload, and that stages are of the shape.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! each_row {
    (
        $levels:ident, ($shape:ident, $payload:ident, $rows:ident, $ahead:ident, $stages:ident), $before:ident,
        |$row:ident, $lines:ident, $passed:ident, $number:ident| $done:block
    ) => {
        for (first, block) in blocks($rows) {
            let (mut all, at_first) = (false, $before);
            // SAFETY: as the caller promises.
            while !unsafe {
                let ready = $levels.ready($payload.as_ptr(), &block, $stages, all);
                let mut enough = true;
                $before = at_first;
                for (i, (&$row, $number)) in block.iter().zip(first..$rows.len()).enumerate() {
                    let (mut passed, $lines) = (ready.from[i], $ahead.of($shape, $payload, $number, $row));
                    let $passed = &mut passed;
                    $before = $done;
                    enough &= passed <= ready.to[i];
                }
                enough
            } {
                all = true;
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::levels::Stages;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::row::{LONGEST, WordSplit};
use super::row::{Row, RowShape, Symbols, assert_inside};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::kernel::ahead::Share;
use crate::kernel::backend::Isa;
use crate::kernel::stream::Stream;
use crate::kernel::{Backend, Plan};

/// Decodes the rows of a table.
#[derive(Clone)]
pub struct Unpacker {
    backend: Backend,
    shape: RowShape,
    desk: Desk,
}

/// What a loop works with.
#[derive(Clone)]
enum Desk {
    Portable(scalar::Desk),
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    Stages(Stages),
}

/// What to ask memory for while rows are decoded.
#[derive(Clone, Copy)]
// Portable loops ask for nothing.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
pub enum Ahead<'a> {
    /// What lies behind the rows, which follow each other.
    Run(Plan),
    /// For row `i` as many lines as it takes, from place `i` in the payload on; for rows that have no such place,
    /// nothing.
    Places(&'a [usize]),
}

impl Ahead<'_> {
    /// As this machine likes it.
    pub fn run() -> Self {
        Ahead::Run(Plan::of_machine())
    }

    /// The lines to ask for during row `i`.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline]
    fn of(self, shape: RowShape, payload: &[u8], i: usize, row: Row) -> Share {
        let from = |at: usize| payload.as_ptr().wrapping_add(at);
        match self {
            Ahead::Run(plan) => Share::new(from(row.at + plan.bytes), row.length(shape), plan.second),
            Ahead::Places(places) => match places.get(i) {
                Some(&at) => Share::new(from(at), row.length(shape), Plan::of_machine().second),
                None => Share::new(payload.as_ptr(), 0, false),
            },
        }
    }
}

/// Calls a loop for what words are and whether they go past the caches.
#[cfg(target_arch = "x86_64")]
macro_rules! rows {
    ($split:expr, $far:expr, $isa:ident $arguments:tt) => {
        match ($split, $far) {
            (WordSplit::Bf16, false) => $isa::rows::<false, false> $arguments,
            (WordSplit::Bf16, true) => $isa::rows::<false, true> $arguments,
            (WordSplit::F16, false) => $isa::rows::<true, false> $arguments,
            (WordSplit::F16, true) => $isa::rows::<true, true> $arguments,
        }
    };
}

impl Unpacker {
    /// For rows of a shape.
    pub fn new(backend: Backend, shape: RowShape) -> Unpacker {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let stages = || Stages::new(shape).map(Desk::Stages);
        let desk = match backend.0 {
            Isa::Scalar => None,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => stages(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => stages(),
        };
        let desk = desk.unwrap_or_else(|| Desk::Portable(scalar::Desk::new(shape)));
        Unpacker { backend, shape, desk }
    }

    /// Writes the words of coded rows, one row after another; of a plain row any words. Any bytes give some
    /// words, the same on every backend. Words go past the caches if `far` is given, where loops can.
    ///
    /// # Panics
    /// If a row and its guard are not all in the payload, `out` is not `rows.len() * dim` long, or there is not
    /// a bias for each place.
    pub fn rows(
        &mut self,
        symbols: Symbols<'_>,
        payload: &[u8],
        mut rows: &[Row],
        ahead: Ahead<'_>,
        out: &mut [u16],
        far: Option<&Stream>,
    ) {
        let shape = self.shape;
        assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.places());
        if shape.dim == 0 {
            return;
        }
        assert_inside(shape, payload, rows);
        // Lines of the second row's begin with words of the first.
        let far = rows.len() > 1 && shape.tail() == 0 && far.is_some_and(|stream| stream.joins(out));
        if far && let Some(first) = rows.split_off(..1) {
            self.rows(symbols, payload, first, ahead, &mut out[..shape.dim], None);
        }
        // Portable loops ask for nothing ahead.
        let _ = ahead;
        match (self.backend.0, &mut self.desk) {
            (_, Desk::Portable(desk)) => desk.rows(shape, symbols, payload, rows, out),
            // No row has stages on it.
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            (Isa::Scalar, Desk::Stages(_)) => unreachable!("the portable loop has a desk of its own"),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and stages are of the
            // shape; rows lie inside.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, Desk::Stages(stages)) => unsafe {
                rows!(shape.split, far, avx2(shape, symbols, payload, rows, ahead, stages, out));
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, Desk::Stages(stages)) => unsafe {
                rows!(shape.split, far, avx512(shape, symbols, payload, rows, ahead, stages, out));
            },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon { .. }, Desk::Stages(stages)) => unsafe {
                match shape.split {
                    WordSplit::Bf16 => neon::rows::<false>(shape, symbols, payload, rows, ahead, stages, out),
                    WordSplit::F16 => neon::rows::<true>(shape, symbols, payload, rows, ahead, stages, out),
                }
            },
        }
    }
}

/// The tail of a row as a group.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline]
fn tail(shape: RowShape, payload: &[u8], row: Row) -> [u8; LONGEST] {
    match shape.tail() {
        0 => [0; LONGEST],
        _ => shape.whole(&payload[row.at + shape.full() * shape.record()..][..shape.tail_bytes()]),
    }
}
