//! Coded rows times several vectors, in one loop: what [`crate::kernel::dot::batch`] gives on their words.
//!
//! Two rows are unpacked a group ahead of being multiplied, and their words stay in the nearest cache for the
//! vectors whose lanes find no register. Unpacking rows first and multiplying them then takes as long as both
//! together; in one loop the processor does one while it does the other.
// Elsewhere no backend has such a loop, and what makes one ready is never used.
#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, unreachable_code, unreachable_patterns, unused_imports, unused_variables)
)]

#[cfg(target_arch = "x86_64")]
mod avx512;

use super::Table;
use crate::dtype::Dtype;
use crate::kernel::backend::Isa;
use crate::kernel::dot::{self, batch};
use crate::kernel::fast::row::{Row, RowShape, Symbols, WordSplit, assert_inside};
use crate::kernel::{Aligned, Backend};

/// Some vectors of activations, ready for the rows of a table, in the loop of a backend.
#[derive(Clone)]
pub struct FusedBatch {
    table: Table,
    vectors: usize,
    pass: Pass,
}

/// What each loop takes.
#[derive(Clone)]
enum Pass {
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Desk<f32, false>),
    #[cfg(target_arch = "x86_64")]
    Avx512F16(avx512::Desk<f32, true>),
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16(avx512::Desk<u16, false>),
}

impl FusedBatch {
    /// For whole vectors of F32 activations; `None` where the backend has no such loop, for another number of
    /// vectors than 2 to [`batch::MOST`], and for rows shorter than a group or too wide.
    ///
    /// # Panics
    /// If the bias is not one row long.
    pub fn f32(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[f32]) -> Option<FusedBatch> {
        let (table, vectors) = suits(shape, symbols, x.len())?;
        let arranged = |dtype| {
            let mut arranged = Aligned::new(vectors * dot::padded(shape.dim), 0.0);
            batch::arrange_f32(backend, dtype, shape.dim, x, &mut arranged);
            arranged
        };
        let pass = match (backend.0, shape.split) {
            (Isa::Scalar, _) => return None,
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon { .. }, _) => return None,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2, _) => return None,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, WordSplit::Bf16) => {
                Pass::Avx512(avx512::Desk::new(shape, arranged(Dtype::Bf16)))
            }
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { .. }, WordSplit::F16) => {
                Pass::Avx512F16(avx512::Desk::new(shape, arranged(Dtype::F16)))
            }
        };
        Some(FusedBatch { table, vectors, pass })
    }

    /// As [`FusedBatch::f32`], for BF16 activations and the arithmetic of `vdpbf16ps`; `None` also for FP16 words.
    ///
    /// # Panics
    /// As [`FusedBatch::f32`].
    pub fn bf16(backend: Backend, shape: RowShape, symbols: Symbols<'_>, x: &[u16]) -> Option<FusedBatch> {
        let (table, vectors) = suits(shape, symbols, x.len())?;
        let arranged = || {
            let mut arranged = Aligned::new(vectors * dot::padded(shape.dim), 0);
            batch::arrange_bf16(shape.dim, x, &mut arranged);
            arranged
        };
        let pass = match (backend.0, shape.split) {
            (Isa::Scalar, _) | (_, WordSplit::F16) => return None,
            #[cfg(target_arch = "aarch64")]
            (Isa::Neon { .. }, WordSplit::Bf16) => return None,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx2 | Isa::Avx512 { bf16: false }, WordSplit::Bf16) => return None,
            #[cfg(target_arch = "x86_64")]
            (Isa::Avx512 { bf16: true }, WordSplit::Bf16) => {
                Pass::Avx512Bf16(avx512::Desk::new(shape, arranged()))
            }
        };
        Some(FusedBatch { table, vectors, pass })
    }

    /// `out[v][r]` becomes row `r` times vector `v`; for a plain row it becomes anything.
    ///
    /// # Panics
    /// If a row and its guard are not all in the payload, or lengths differ.
    pub fn times(&mut self, payload: &[u8], rows: &[Row], out: &mut [&mut [f32]]) {
        let FusedBatch { table, vectors, pass } = self;
        assert!(out.len() == *vectors && out.iter().all(|out| out.len() == rows.len()));
        assert_inside(table.shape, payload, rows);
        match *pass {
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and a `Pass` is made
            // for one and for these words; rows lie inside.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512(ref mut desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512F16(ref mut desk) => unsafe { desk.rows(table, payload, rows, out) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Pass::Avx512Bf16(ref mut desk) => unsafe { desk.rows(table, payload, rows, out) },
        }
    }
}

/// The table, and how many vectors there are, if a loop may take them.
fn suits(shape: RowShape, symbols: Symbols<'_>, activations: usize) -> Option<(Table, usize)> {
    let table = Table::new(shape, symbols)?;
    let vectors = activations / shape.dim;
    (activations.is_multiple_of(shape.dim) && (2..=batch::MOST).contains(&vectors))
        .then_some((table, vectors))
}
