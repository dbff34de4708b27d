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
pub mod batch;
mod scalar;

use super::row::{GROUP, Row, RowShape, Symbols, WIDEST, WordSplit, assert_inside};
#[cfg(target_arch = "x86_64")]
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
}

impl Fused {
    /// For F32 activations; `None` where a table has FP16 words, or rows shorter than a group or too wide.
    ///
    /// # Panics
    /// If `x` or the bias is not one row long.
    pub fn f32(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[f32]) -> Option<Fused> {
        let table = Table::new(shape, symbols).filter(Table::is_bf16)?;
        assert_eq!(x.len(), shape.dim);
        let arranged = || {
            let mut arranged = Aligned::new(dot::padded(shape.dim), 0.0);
            dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
            arranged
        };
        let pass = match backend.0 {
            Isa::Scalar => Pass::Scalar(scalar::Desk::new(&table, arranged())),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Pass::Avx2(avx2::Desk::new(&table, x)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => Pass::Avx512(avx512::Desk::new(&table, arranged())),
        };
        Some(Fused { table, pass })
    }

    /// As [`Fused::f32`], for BF16 activations and the arithmetic of `vdpbf16ps`.
    ///
    /// # Panics
    /// As [`Fused::f32`].
    pub fn bf16(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[u16]) -> Option<Fused> {
        let table = Table::new(shape, symbols).filter(Table::is_bf16)?;
        assert_eq!(x.len(), shape.dim);
        let padded = || {
            let mut padded = Aligned::new(dot::padded(shape.dim), 0);
            padded[..x.len()].copy_from_slice(x);
            padded
        };
        let pass = match backend.0 {
            Isa::Scalar => Pass::ScalarBf16(scalar::Desk::new(&table, padded())),
            // AVX-512 without the instruction takes AVX2's loop.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => {
                let x: Vec<f32> = x.iter().map(|&x| f32::from_bits(u32::from(x) << 16)).collect();
                Pass::Avx2Bf16(avx2::Desk::new(&table, &x))
            }
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
        }
    }
}

impl Table {
    fn new(shape: RowShape, symbols: Symbols<'_>) -> Option<Table> {
        assert_eq!(symbols.bias.len(), shape.dim);
        if !(GROUP..=WIDEST).contains(&shape.dim) {
            return None;
        }
        let Symbols { ranked, added, phase, listed, .. } = symbols;
        let mut bias = Aligned::new(dot::padded(shape.dim), 0);
        bias[..shape.dim].copy_from_slice(symbols.bias);
        Some(Table { shape, ranked, added, listed, bias, phase })
    }

    fn is_bf16(&self) -> bool {
        self.shape.split == WordSplit::Bf16
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
#[cfg(target_arch = "x86_64")]
unsafe fn tail_words(table: &Table, payload: &[u8], row: Row, room: *mut u8) -> [u16; GROUP] {
    let shape = table.shape;
    let mut words = [0; GROUP];
    // SAFETY: as the caller promises.
    unsafe { unpack::tail(shape, table.symbols(), payload, row, room, &mut words[..shape.tail()]) };
    words
}
