//! Coded BF16 rows times activations, without a row ever being written: what [`crate::kernel::dot`] gives on
//! their words.
//!
//! What a row's list adds to its upper bytes stands in a room of the row, filled while rows before it are
//! multiplied. So the loop of sums takes groups as they come, and its words are the row's, to the
//! bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::row::place;
use super::row::{GROUP, Row, RowShape, Symbols, WIDEST, WordSplit, assert_inside};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
use super::row::{PLANE, RANKS};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::unpack;
use crate::dtype::Dtype;
use crate::kernel::backend::Isa;
use crate::kernel::{Aligned, Backend, dot};

/// One vector of activations, ready for the rows of a table, in the loop of a backend.
#[derive(Clone)]
pub struct Fused {
    table: Table,
    pass: Pass,
}

/// What the rows of a table share, as loops take it.
#[derive(Clone)]
struct Table {
    shape: RowShape,
    ranked: [u8; 4],
    added: [u8; 16],
    /// Entries that most rows do not exceed.
    listed: usize,
    /// By place, filled to whole groups with zeros.
    bias: Aligned<u8>,
    phase: u16,
}

/// What each loop takes.
#[derive(Clone)]
enum Pass {
    Scalar(scalar::Desk<f32>),
    ScalarBf16(scalar::Desk<u16>),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Desk<false>),
    #[cfg(target_arch = "x86_64")]
    Avx2Bf16(avx2::Desk<true>),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Desk<f32>),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(avx512::Desk<u16>),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Desk<neon::F32>),
    #[cfg(target_arch = "aarch64")]
    NeonPairs(neon::Desk<neon::Pairs>),
    #[cfg(target_arch = "aarch64")]
    NeonBf16(neon::Desk<neon::Bf16>),
}

/// Where the lower bytes of a group begin.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
const LOWER: usize = RANKS + PLANE;

impl Fused {
    /// For F32 activations; `None` where a table has FP16 words, or rows shorter than a group or too wide.
    ///
    /// # Panics
    /// If `x` or the bias is not one row long.
    pub fn f32(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[f32]) -> Option<Fused> {
        let table = Table::new(shape, symbols)?;
        assert_eq!(x.len(), shape.dim);
        let pass = match backend.0 {
            Isa::Scalar => Pass::Scalar(scalar::Desk::new(&table, arranged(backend, x))),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } if table.has_room_for_signs() => {
                Pass::Neon(neon::Desk::new(&table, arranged(backend, x), None))
            }
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => Pass::Scalar(scalar::Desk::new(&table, arranged(Backend::SCALAR, x))),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Pass::Avx2(avx2::Desk::new(&table, x)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => Pass::Avx512(avx512::Desk::new(&table, arranged(backend, x))),
        };
        Some(Fused { table, pass })
    }

    /// As [`Fused::f32`], for BF16 activations and the arithmetic of `vdpbf16ps`.
    ///
    /// # Panics
    /// As [`Fused::f32`].
    pub fn bf16(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[u16]) -> Option<Fused> {
        let table = Table::new(shape, symbols)?;
        assert_eq!(x.len(), shape.dim);
        let padded = || {
            let mut padded = Aligned::new(dot::padded(shape.dim), 0);
            padded[..x.len()].copy_from_slice(x);
            padded
        };
        let pass = match backend.0 {
            Isa::Scalar => Pass::ScalarBf16(scalar::Desk::new(&table, padded())),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { bf16, .. } => match scalar::Desk::new(&table, padded()) {
                desk if !table.has_room_for_signs() => Pass::ScalarBf16(desk),
                desk if bf16 => Pass::NeonBf16(neon::Desk::new(&table, padded(), Some(desk))),
                desk => Pass::NeonPairs(neon::Desk::new(&table, arranged(backend, &values(x)), Some(desk))),
            },
            // AVX-512 without the instruction takes AVX2's loop.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => Pass::Avx2Bf16(avx2::Desk::new(&table, &values(x))),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => Pass::Avx512Bf16(avx512::Desk::new(&table, padded())),
        };
        Some(Fused { table, pass })
    }

    /// `out` becomes each row times the activations; for a plain row it becomes anything.
    ///
    /// # Panics
    /// If a row and its guard are not all in the payload, or lengths differ.
    pub fn times(&mut self, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let Fused { table, pass } = self;
        assert_eq!(rows.len(), out.len());
        assert_inside(table.shape, payload, rows);
        match pass {
            Pass::Scalar(desk) => desk.rows(table, payload, rows, out),
            Pass::ScalarBf16(desk) => desk.rows(table, payload, rows, out),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and a `Pass` is made
            // for one; rows lie inside.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx2(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx2Bf16(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512Bf16(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Pass::Neon(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Pass::NeonPairs(desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Pass::NeonBf16(desk) => unsafe { desk.rows(table, payload, rows, out) },
        }
    }
}

fn arranged(backend: Backend, x: &[f32]) -> Aligned<f32> {
    let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
    dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
    arranged
}

/// BF16 activations as F32.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn values(x: &[u16]) -> Vec<f32> {
    x.iter().map(|&x| Dtype::Bf16.to_f32(x)).collect()
}

impl Table {
    fn new(shape: RowShape, symbols: Symbols<'_>) -> Option<Table> {
        assert_eq!(symbols.bias.len(), shape.dim);
        if shape.split != WordSplit::Bf16 || !(GROUP..=WIDEST).contains(&shape.dim) {
            return None;
        }
        let Symbols { ranked, added, phase, listed, .. } = symbols;
        let mut bias = Aligned::new(dot::padded(shape.dim), 0);
        bias[..shape.dim].copy_from_slice(symbols.bias);
        Some(Table { shape, ranked, added, listed, bias, phase })
    }

    /// Whether no ranked symbol has the bit of the sign, which loops then may insert. Hostile files have such.
    #[cfg(target_arch = "aarch64")]
    fn has_room_for_signs(&self) -> bool {
        self.ranked.iter().all(|symbol| symbol >> 7 == 0)
    }

    fn symbols(&self) -> Symbols<'_> {
        let Table { ranked, added, phase, listed, .. } = *self;
        Symbols { ranked, added, bias: &self.bias[..self.shape.dim], phase, listed }
    }
}

/// The words behind the last full group, filled with zeros to a whole one; the room is left zero.
///
/// # Safety
/// The row lies inside the payload; `room` is what is left of its room behind full groups.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
unsafe fn tail_words(table: &Table, payload: &[u8], row: Row, room: *mut u8) -> [u16; GROUP] {
    let shape = table.shape;
    let mut words = [0; GROUP];
    // SAFETY: as the caller promises.
    unsafe { unpack::tail(shape, table.symbols(), payload, row, room, &mut words[..shape.tail()]) };
    words
}

/// The words behind full groups as a group of their own: all of rank 0 and without sign, what else there is to
/// their upper bytes in its room.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[repr(align(32))]
struct Tail {
    room: [u8; GROUP],
    record: [u8; LOWER + GROUP],
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Tail {
    /// # Safety
    /// As [`tail_words`].
    #[inline(never)] // the loop needs the registers
    unsafe fn new(table: &Table, payload: &[u8], row: Row, room: *mut u8) -> Tail {
        // SAFETY: as the caller promises.
        let words = unsafe { tail_words(table, payload, row, room) };
        let mut tail = Tail { room: [0; GROUP], record: [0; LOWER + GROUP] };
        let bias = &table.bias[table.shape.full()..];
        for (i, word) in words.iter().enumerate() {
            let [lower, upper] = word.wrapping_add(table.phase).to_le_bytes();
            tail.room[place(i)] = upper.wrapping_sub(table.ranked[0]).wrapping_sub(bias[place(i)]);
            tail.record[LOWER + place(i)] = lower;
        }
        tail
    }
}

#[cfg(test)]
mod tests;
