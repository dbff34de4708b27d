//! Activations made ready once, for all rows.

use super::Table;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::fast::product::Fused;
use crate::kernel::{Aligned, Backend, dot};

/// How far ahead plain rows ask for memory: close to the fastest of those that `xnc bench` tries.
const AHEAD: usize = dot::AHEAD[2];

/// Vectors made ready for the rows of one table: once, for any ranges of these and any number of threads.
pub struct Activations<'t> {
    pub(super) table: &'t Table,
    backend: Backend,
    vectors: Vectors,
    /// A single vector, where a loop over coded rows takes it.
    pub(super) fused: Option<Fused>,
}

enum Vectors {
    F32(Dtype, Vec<Aligned<f32>>),
    Bf16(Vec<Aligned<u16>>),
}

impl<'t> Activations<'t> {
    pub(super) fn f32(table: &'t Table, x: &[f32]) -> Self {
        let backend = Backend::best();
        let layout = table.fast().map(|(layout, _)| layout);
        let dtype = layout.map_or(table.dtype(), |layout| layout.coding().dtype());
        let arrange = |x: &[f32]| {
            let mut arranged = Aligned::new(dot::padded(x.len()), 0.0);
            dot::arrange(backend, dtype, x, &mut arranged);
            arranged
        };
        let layout = layout.filter(|_| x.len() == table.dim());
        let fused = layout.and_then(|layout| Fused::f32(backend, layout.shared(), x));
        let vectors = vectors(table, x).map(arrange).collect();
        Activations { table, backend, fused, vectors: Vectors::F32(dtype, vectors) }
    }

    pub(super) fn bf16(table: &'t Table, x: &[u16]) -> Result<Self> {
        if table.dtype() != Dtype::Bf16 {
            return Err(Error::NotATable {
                name: "this one".into(),
                reason: "product_bf16 takes BF16 words, and it holds FP16; use product".into(),
            });
        }
        let backend = Backend::best();
        let pad = |x: &[u16]| {
            let mut padded = Aligned::new(dot::padded(x.len()), 0);
            padded[..x.len()].copy_from_slice(x);
            padded
        };
        let layout = table.fast().filter(|_| x.len() == table.dim()).map(|(layout, _)| layout);
        let fused = layout.and_then(|layout| Fused::bf16(backend, layout.shared(), x));
        let vectors = Vectors::Bf16(vectors(table, x).map(pad).collect());
        Ok(Activations { table, backend, fused, vectors })
    }

    /// Number of vectors.
    pub fn count(&self) -> usize {
        match &self.vectors {
            Vectors::F32(_, vectors) => vectors.len(),
            Vectors::Bf16(vectors) => vectors.len(),
        }
    }

    /// Whole rows of words times one of the vectors.
    pub(super) fn words(&self, vector: usize, rows: &[u8], dim: usize, out: &mut [f32]) {
        match &self.vectors {
            Vectors::F32(dtype, x) => dot::rows_f32(self.backend, *dtype, rows, dim, &x[vector], AHEAD, out),
            Vectors::Bf16(x) => dot::rows_bf16(self.backend, rows, dim, &x[vector], AHEAD, out),
        }
    }
}

fn vectors<'a, T>(table: &Table, x: &'a [T]) -> std::slice::ChunksExact<'a, T> {
    let dim = table.dim();
    let whole = if dim == 0 { x.is_empty() } else { x.len().is_multiple_of(dim) };
    assert!(whole, "activations are vectors of `dim`");
    x.chunks_exact(dim.max(1))
}
