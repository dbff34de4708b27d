//! Quantised matrices, multiplied by candle's kernels on slices; its tensors would cost more than a small layer's work.

use std::borrow::Cow;

use candle_core::CpuStorage;
use candle_core::quantized::{GgmlDType, QuantizedType};

use super::repack::{self, Offsets};
use crate::error::{Error, Result};
use crate::file::ModelFile;

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

/// Rows of one type.
struct Part {
    rows: usize,
    blocks: Box<dyn QuantizedType>,
    offsets: Option<Offsets>,
}

impl Matrix {
    /// Reads tensors of the given numbers of rows, `dim` values each. Those that come to the same block type become one.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a missing tensor, another shape, or a type without a kernel; reading.
    pub fn load(
        file: &ModelFile,
        products: Products,
        dim: usize,
        tensors: &[(&str, usize)],
    ) -> Result<Matrix> {
        let mut stored: Vec<(String, usize, Vec<u8>)> = Vec::new();
        for &(name, rows) in tensors {
            let (tensor, bytes) = file.tensor(name)?;
            if tensor.shape != [rows as u64, dim as u64] {
                return Err(Error::tensor(
                    name,
                    format!("has the shape {:?}, not [{rows}, {dim}]", tensor.shape),
                ));
            }
            kind(name, &tensor.dtype)?;
            match stored.last_mut() {
                Some((dtype, before, all)) if dtype.as_str() == joined(&tensor.dtype) => {
                    *before += rows;
                    all.extend(as_joined(&tensor.dtype, bytes));
                }
                _ => stored.push((joined(&tensor.dtype).into(), rows, as_joined(&tensor.dtype, bytes))),
            }
        }
        let name = tensors.first().map_or("", |(name, _)| name);
        let parts =
            stored.into_iter().map(|(dtype, rows, bytes)| part(name, products, &dtype, rows, dim, bytes));
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

    /// Products with the vectors in `x`, one after another. `scratch` grows to what is needed.
    ///
    /// # Errors
    /// Those of candle.
    ///
    /// # Panics
    /// If `out` does not take a product a vector.
    pub fn times(&self, x: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) -> Result<()> {
        let vectors = x.len() / self.dim;
        assert_eq!(out.len(), vectors * self.rows, "a product a vector");
        if let [part] = &self.parts[..] {
            return part.times(self.dim, x, out);
        }
        let mut first = 0;
        for part in &self.parts {
            scratch.resize(vectors * part.rows, 0.0);
            part.times(self.dim, x, scratch)?;
            let place = first..first + part.rows;
            for (out, product) in out.chunks_exact_mut(self.rows).zip(scratch.chunks_exact(part.rows)) {
                out[place.clone()].copy_from_slice(product);
            }
            first = place.end;
        }
        Ok(())
    }
}

impl Part {
    fn times(&self, dim: usize, x: &[f32], out: &mut [f32]) -> Result<()> {
        self.blocks.matmul_t((x.len() / dim, dim, self.rows), x, out)?;
        if let Some(offsets) = &self.offsets {
            offsets.add(x, out);
        }
        Ok(())
    }
}

fn part(
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
        return Ok(Part { rows, blocks: Box::new(values), offsets: None });
    }
    // Rows are whole blocks: the file's header was refused otherwise.
    let (kind, bytes, offsets) = match kind {
        GgmlDType::Q4_1 => {
            let (blocks, offsets) = repack::q4_1_as_q4_0(&bytes, dim / repack::BLOCK);
            (GgmlDType::Q4_0, blocks, Some(offsets))
        }
        kind => (kind, bytes, None),
    };
    Ok(Part { rows, blocks: kind.from_data(Cow::Owned(bytes)), offsets })
}

/// The type that tensors of type `dtype` are joined as.
fn joined(dtype: &str) -> &str {
    if dtype == "Q5_0" { "Q8_0" } else { dtype }
}

fn as_joined(dtype: &str, bytes: Vec<u8>) -> Vec<u8> {
    if dtype == "Q5_0" { repack::q5_0_as_q8_0(&bytes) } else { bytes }
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
