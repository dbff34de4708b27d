//! Quantised matrices. The types of common 4-bit files have products of our own; others are multiplied by
//! candle's kernels on slices, as its tensors would cost more than a small layer's work.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use candle_core::CpuStorage;
use candle_core::quantized::{GgmlDType, QuantizedType};

use super::product::{self, Backend, ROWS, Rounded, Rounding, Rows};
use crate::error::{Error, Result};
use crate::file::ModelFile;
use crate::threads;

/// Matrices with one input, whose outputs stand side by side.
pub struct Matrix {
    dim: usize,
    rows: usize,
    parts: Vec<Part>,
}

/// How products of layers are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// From the blocks, with activations rounded to 8 bits, as every engine does it.
    #[default]
    Quantised,
    /// From the blocks' exact values, widened to F32 on loading. Slow and large; it tells errors from roundings.
    Exact,
}

/// Buffers of products, which grow to what is needed.
#[derive(Default)]
pub struct Room {
    blocks: Vec<Rounded>,
    superblocks: Vec<Rounded>,
    product: Vec<f32>,
}

/// Rows of one type.
struct Part {
    rows: usize,
    weights: Weights,
}

enum Weights {
    Tiles(Box<dyn Rows>),
    Candle(Box<dyn QuantizedType>),
}

impl Matrix {
    /// Reads tensors of the given numbers of rows, `dim` values each. Those of the same type become one.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a missing tensor, another shape, or a type without a product; reading.
    pub fn load(
        file: &ModelFile,
        products: Products,
        dim: usize,
        tensors: &[(&str, usize)],
    ) -> Result<Matrix> {
        let mut stored: Vec<(&str, String, usize, Vec<u8>)> = Vec::new();
        for &(name, rows) in tensors {
            let (tensor, bytes) = file.tensor(name)?;
            if tensor.shape != [rows as u64, dim as u64] {
                return Err(Error::tensor(
                    name,
                    format!("has the shape {:?}, not [{rows}, {dim}]", tensor.shape),
                ));
            }
            match stored.last_mut() {
                Some((_, dtype, before, all)) if *dtype == tensor.dtype => {
                    *before += rows;
                    all.extend(bytes);
                }
                _ => stored.push((name, tensor.dtype.clone(), rows, bytes)),
            }
        }
        let parts = stored
            .into_iter()
            .map(|(name, dtype, rows, bytes)| Part::new(name, products, &dtype, rows, dim, bytes));
        Ok(Matrix {
            dim,
            rows: tensors.iter().map(|(_, rows)| rows).sum(),
            parts: parts.collect::<Result<_>>()?,
        })
    }

    /// Length of a product.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Products with the vectors in `x`, one after another.
    ///
    /// # Errors
    /// Those of candle.
    ///
    /// # Panics
    /// If `out` does not take a product a vector.
    pub fn times(&self, x: &[f32], out: &mut [f32], room: &mut Room) -> Result<()> {
        let vectors = x.len() / self.dim;
        assert_eq!(out.len(), vectors * self.rows, "a product a vector");
        let Room { blocks, superblocks, product } = room;
        for (rounding, rounded) in
            [(Rounding::Blocks, &mut *blocks), (Rounding::Superblocks, &mut *superblocks)]
        {
            let takes =
                |part: &Part| matches!(&part.weights, Weights::Tiles(rows) if rows.rounding() == rounding);
            if self.parts.iter().any(takes) {
                rounding.round(x, rounded);
            }
        }
        let mut first = 0;
        for part in &self.parts {
            let place = first..first + part.rows;
            match &part.weights {
                Weights::Tiles(rows) => {
                    let rounded = match rows.rounding() {
                        Rounding::Blocks => &*blocks,
                        Rounding::Superblocks => &*superblocks,
                    };
                    tiled(rows.as_ref(), rounded, vectors, place.clone(), self.rows, out, product);
                }
                Weights::Candle(blocks) if self.parts.len() == 1 => {
                    blocks.matmul_t((vectors, self.dim, part.rows), x, out)?;
                }
                Weights::Candle(blocks) => {
                    product.resize(vectors * part.rows, 0.0);
                    blocks.matmul_t((vectors, self.dim, part.rows), x, product)?;
                    for (out, product) in out.chunks_exact_mut(self.rows).zip(product.chunks_exact(part.rows))
                    {
                        out[place.clone()].copy_from_slice(product);
                    }
                }
            }
            first = place.end;
        }
        Ok(())
    }
}

/// Pieces that a product is cut into: a few a thread, so that threads end together.
const PIECES: usize = 16;

/// Products with all rows of `rows`, which are `place` of the `stride` values that `out` has for each vector.
fn tiled(
    rows: &dyn Rows,
    x: &[Rounded],
    vectors: usize,
    place: Range<usize>,
    stride: usize,
    out: &mut [f32],
    product: &mut Vec<f32>,
) {
    let piece = place.len().div_ceil(PIECES).next_multiple_of(ROWS);
    let multiply = |out: &mut [f32]| {
        let work = |number: usize, out: &mut [f32]| {
            rows.times(number * piece, x, vectors, out);
            Ok::<(), Infallible>(())
        };
        let Ok(()) = threads::for_each_piece(out, vectors * piece, work);
    };
    if vectors == 1 {
        return multiply(&mut out[place]);
    }
    product.resize(vectors * place.len(), 0.0);
    multiply(product);
    for (number, product) in product.chunks(vectors * piece).enumerate() {
        let rows = product.len() / vectors;
        let first = place.start + number * piece;
        for (out, product) in out.chunks_exact_mut(stride).zip(product.chunks_exact(rows)) {
            out[first..first + rows].copy_from_slice(product);
        }
    }
}

impl Part {
    fn new(
        name: &str,
        products: Products,
        dtype: &str,
        rows: usize,
        dim: usize,
        bytes: Vec<u8>,
    ) -> Result<Part> {
        let kind = kind(name, dtype)?;
        if products == Products::Exact {
            let CpuStorage::F32(values) = kind.from_data(Cow::Owned(bytes)).dequantize(rows * dim)? else {
                return Err(Error::tensor(name, "does not come as F32"));
            };
            return Ok(Part { rows, weights: Weights::Candle(Box::new(values)) });
        }
        // Rows are whole blocks: the file's header was refused otherwise.
        let weights = match product::pack(dtype, &bytes, dim, Backend::best()) {
            Some(tiles) => Weights::Tiles(tiles),
            None => Weights::Candle(kind.from_data(Cow::Owned(bytes))),
        };
        Ok(Part { rows, weights })
    }
}

/// candle's name of a type that layers come in.
fn kind(name: &str, dtype: &str) -> Result<GgmlDType> {
    Ok(match dtype {
        "F32" => GgmlDType::F32,
        "F16" => GgmlDType::F16,
        "BF16" => GgmlDType::BF16,
        "Q4_0" => GgmlDType::Q4_0,
        "Q4_1" => GgmlDType::Q4_1,
        "Q5_0" => GgmlDType::Q5_0,
        "Q5_1" => GgmlDType::Q5_1,
        "Q8_0" => GgmlDType::Q8_0,
        "Q2_K" => GgmlDType::Q2K,
        "Q3_K" => GgmlDType::Q3K,
        "Q4_K" => GgmlDType::Q4K,
        "Q5_K" => GgmlDType::Q5K,
        "Q6_K" => GgmlDType::Q6K,
        other => return Err(Error::tensor(name, format!("is {other}, for which there is no product"))),
    })
}
