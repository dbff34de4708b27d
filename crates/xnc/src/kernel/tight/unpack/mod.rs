//! Coded rows to their words.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod scalar;

#[cfg(target_arch = "x86_64")]
use super::levels::Stages;
#[cfg(target_arch = "x86_64")]
use super::row::WordSplit;
use super::row::{Row, RowShape, Symbols, assert_inside};
use crate::kernel::Backend;
use crate::kernel::backend::Isa;

/// Decodes the rows of a table.
pub struct Unpacker {
    shape: RowShape,
    with: With,
}

enum With {
    Scalar(scalar::Desk),
    #[cfg(target_arch = "x86_64")]
    Avx512(Stages),
}

impl Unpacker {
    /// For rows of a shape.
    pub fn new(backend: Backend, shape: RowShape) -> Unpacker {
        let with = match backend.0 {
            Isa::Scalar => With::Scalar(scalar::Desk::new(shape)),
            // Neither NEON nor AVX2 has an instruction that expands bytes.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => With::Scalar(scalar::Desk::new(shape)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => With::Scalar(scalar::Desk::new(shape)),
            // Before the end of a row there are as many bytes as words, filled to groups, or the row may be the first.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } if shape.coded() < shape.places() => With::Scalar(scalar::Desk::new(shape)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => With::Avx512(Stages::new(shape)),
        };
        Unpacker { shape, with }
    }

    /// Writes the words of coded rows, one row after another; of a plain row any words. Any bytes give some
    /// words, the same on every backend.
    ///
    /// # Panics
    /// If a row and its guard are not all in the payload, `out` is not `rows.len() * dim` long, or there is not
    /// a bias for each place.
    pub fn rows(&mut self, symbols: Symbols<'_>, payload: &[u8], rows: &[Row], out: &mut [u16]) {
        let shape = self.shape;
        assert!(out.len() == rows.len() * shape.dim && symbols.bias.len() == shape.places());
        if shape.dim == 0 {
            return;
        }
        assert_inside(shape, payload, rows);
        match &mut self.with {
            With::Scalar(desk) => desk.rows(shape, symbols, payload, rows, out),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and stages are made
            // for one; rows lie inside.
            #[cfg(target_arch = "x86_64")]
            With::Avx512(stages) => unsafe {
                match shape.split {
                    WordSplit::Bf16 => avx512::rows::<false>(shape, symbols, payload, rows, stages, out),
                    WordSplit::F16 => avx512::rows::<true>(shape, symbols, payload, rows, stages, out),
                }
            },
        }
    }
}
