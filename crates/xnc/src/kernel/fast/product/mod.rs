//! Coded BF16 rows times activations, without a row ever being written: what [`crate::kernel::dot`] gives on their words.
//!
//! The upper bytes of a row are put down two rows early, where rare words are put in place byte by byte; the loop of sums then
//! takes upper and lower bytes side by side. Biases are added in the loop: its words are the row's, to the bit.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod stage;

use super::row::{Row, RowShape, Symbols, WordSplit, assert_inside};
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
    rare: [u8; 16],
    /// Filled to whole groups with zeros.
    bias: Aligned<u16>,
}

/// What each loop takes.
#[derive(Clone)]
enum Pass {
    Scalar(scalar::Desk<f32>),
    ScalarBf16(scalar::Desk<u16>),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Desk),
    #[cfg(target_arch = "x86_64")]
    Avx2Bf16(avx2::DeskBf16),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Desk<f32>),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(avx512::Desk<u16>),
}

impl Fused {
    /// For F32 activations; `None` where a table has FP16 words or no columns.
    ///
    /// # Panics
    /// If `x` or the bias is not one row long.
    pub fn f32(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[f32]) -> Option<Fused> {
        let table = Table::new(shape, symbols)?;
        assert_eq!(x.len(), shape.dim);
        let mut arranged = Aligned::new(dot::padded(shape.dim), 0.0);
        dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
        let pass = match backend.0 {
            Isa::Scalar => Pass::Scalar(scalar::Desk::new(&table, arranged)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Pass::Avx2(avx2::Desk::new(&table, arranged)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => Pass::Avx512(avx512::Desk::new(&table, arranged)),
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
        let mut padded = Aligned::new(dot::padded(shape.dim), 0);
        padded[..x.len()].copy_from_slice(x);
        let pass = match backend.0 {
            Isa::Scalar => Pass::ScalarBf16(scalar::Desk::new(&table, padded)),
            // AVX-512 without the instruction takes AVX2's loop.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => Pass::Avx2Bf16(avx2::DeskBf16::new(&table, padded)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => Pass::Avx512Bf16(avx512::Desk::new(&table, padded)),
        };
        Some(Fused { table, pass })
    }

    /// `out` becomes each row times the activations; what it has for plain rows stays.
    ///
    /// # Panics
    /// If a coded row and its guard are not all in the payload, or lengths differ.
    pub fn times(&mut self, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let Fused { table, pass } = self;
        assert_eq!(rows.len(), out.len());
        assert_inside(table.shape, payload, rows);
        match pass {
            Pass::Scalar(desk) => desk.rows(table, payload, rows, out),
            Pass::ScalarBf16(desk) => desk.rows(table, payload, rows, out),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and a `Pass` is made for one; rows
            // lie inside.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx2(desk) => unsafe { avx2::rows(table, payload, rows, desk, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx2Bf16(desk) => unsafe { avx2::rows_bf16(table, payload, rows, desk, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512(desk) => unsafe { avx512::rows(table, payload, rows, desk, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512Bf16(desk) => unsafe { avx512::rows_bf16(table, payload, rows, desk, out) },
        }
    }
}

impl Table {
    fn new(shape: RowShape, symbols: Symbols<'_>) -> Option<Table> {
        assert_eq!(symbols.bias.len(), shape.dim);
        let mut bias = Aligned::new(dot::padded(shape.dim), 0);
        bias[..shape.dim].copy_from_slice(symbols.bias);
        let table = Table { shape, ranked: symbols.ranked, rare: *symbols.rare, bias };
        (shape.split == WordSplit::Bf16 && shape.dim > 0).then_some(table)
    }

    fn symbols(&self) -> Symbols<'_> {
        Symbols { ranked: self.ranked, rare: &self.rare, bias: &self.bias[..self.shape.dim] }
    }
}
