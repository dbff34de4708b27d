//! Codec `fast`: rows that decode alone, at memory speed. `spec/fast.md`.
//!
//! [`symbols`] chooses the codes of a table, [`row`] knows one row, [`layout`] the index, [`rows`] reads,
//! [`product`] multiplies, this module encodes a table.

mod layout;
mod product;
mod row;
mod rows;
mod symbols;

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::ordered::for_each_in_order;
use super::records::Record;
use super::{Encoded, Source, TableShape, write_failed};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::Backend;
use crate::kernel::fast::row::WordSplit;
use layout::Parts;
use row::Encoder;
use symbols::Fit;

pub use layout::FastReader;

/// The codec has no numbers about the whole table besides its index.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {}

/// How the words of a type divide.
const fn word_form(dtype: Dtype) -> WordSplit {
    match dtype {
        Dtype::Bf16 => WordSplit::Bf16,
        Dtype::F16 => WordSplit::F16,
    }
}

pub(super) fn encode(
    backend: Backend,
    shape: TableShape,
    words: &dyn Source,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let fit = Fit::new(shape, words)?;
    let parts = Parts::new(shape);
    let (mut records, mut starts) = (Vec::new(), Vec::new());
    let mut end = 0_u64;
    let encode_chunk = |number: usize| -> Result<(usize, row::Chunk)> {
        let rows = parts.rows_of(number);
        let mut encoder = Encoder::new(backend, shape.dtype, &fit, shape.dim);
        let mut buffer = vec![0; rows.len() * shape.dim];
        words.read(rows.start * shape.dim, &mut buffer)?;
        buffer.chunks_exact(shape.dim).for_each(|row| encoder.add(row));
        Ok((buffer.len(), encoder.finish()))
    };
    for_each_in_order(0..parts.chunks(), encode_chunk, |encoded| {
        let (len, chunk) = encoded?;
        payload.write_all(&chunk.bytes).map_err(write_failed)?;
        end += chunk.bytes.len() as u64;
        Record { end, crc32c: crc32c::crc32c(&chunk.bytes), own: 0 }.put(&mut records);
        chunk.starts.iter().for_each(|start| starts.extend_from_slice(&start.to_le_bytes()));
        advance(len);
        Ok(())
    })?;
    // What a kernel may read past the last row, whatever that row's bytes are.
    let guard = parts.guard(end);
    payload.write_all(&vec![0; guard]).map_err(write_failed)?;
    let index = [records, starts, fit.tops().to_vec(), vec![0], fit.bias().to_vec()].concat();
    Ok(Encoded { payload_bytes: end + guard as u64, index, params: serde_json::json!(Params {}) })
}

#[cfg(test)]
mod ratio;
#[cfg(test)]
mod tests;
