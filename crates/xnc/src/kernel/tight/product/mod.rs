//! Coded BF16 rows times activations, without a row ever being written: what [`crate::kernel::dot`] gives on
//! their words.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::row::{GROUP, Row, RowShape, Symbols, WordSplit, assert_inside};
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
    levels: [[u8; 4]; 3],
    bias: Aligned<u8>,
    usual: [usize; 2],
}

/// What each loop takes.
#[derive(Clone)]
enum Pass {
    Decoded(scalar::Desk<f32>),
    DecodedBf16(scalar::Desk<u16>),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Desk<f32>),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(avx512::Desk<u16>),
}

impl Fused {
    /// For F32 activations; `None` where a table has FP16 words, or rows that are not whole groups.
    ///
    /// # Panics
    /// If `x` is not one row long, or there is not a bias for each place.
    pub fn f32(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[f32]) -> Option<Fused> {
        let table = Table::new(shape, symbols)?;
        assert_eq!(x.len(), shape.dim);
        let mut arranged = Aligned::new(dot::padded(shape.dim), 0.0);
        dot::arrange(backend, Dtype::Bf16, x, &mut arranged);
        let pass = match backend.0 {
            Isa::Scalar => Pass::Decoded(scalar::Desk::new(backend, shape, arranged)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => Pass::Decoded(scalar::Desk::new(backend, shape, arranged)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Pass::Decoded(scalar::Desk::new(backend, shape, arranged)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => Pass::Avx512(avx512::Desk::new(shape, arranged)),
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
            Isa::Scalar => Pass::DecodedBf16(scalar::Desk::new(backend, shape, padded)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => Pass::DecodedBf16(scalar::Desk::new(backend, shape, padded)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { bf16: false } => {
                Pass::DecodedBf16(scalar::Desk::new(backend, shape, padded))
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { bf16: true } => Pass::Avx512Bf16(avx512::Desk::new(shape, padded)),
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
            Pass::Decoded(desk) => desk.rows(table.symbols(), payload, rows, out),
            Pass::DecodedBf16(desk) => desk.rows(table.symbols(), payload, rows, out),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and a `Pass` is made
            // for one; rows lie inside.
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
        assert_eq!(symbols.bias.len(), shape.places());
        if shape.split != WordSplit::Bf16 || shape.dim == 0 || !shape.dim.is_multiple_of(GROUP) {
            return None;
        }
        let Symbols { levels, usual, .. } = symbols;
        let mut bias = Aligned::new(shape.places(), 0);
        bias.copy_from_slice(symbols.bias);
        Some(Table { shape, levels, bias, usual })
    }

    fn symbols(&self) -> Symbols<'_> {
        Symbols { levels: self.levels, bias: &self.bias, usual: self.usual }
    }
}
