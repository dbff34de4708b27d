//! Codec `fast`: rows that decode alone, at memory speed. `spec/fast.md`.
//!
//! [`symbols`] chooses the codes of a table, [`row`] knows one row, [`layout`] the index, [`rows`] reads, this module encodes a table.

mod layout;
mod row;
mod rows;
mod symbols;

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::ordered::for_each_in_order;
use super::{Encoded, Source, TableShape, write_failed};
use crate::error::Result;
use crate::kernel::Backend;
use layout::{Parts, RECORD};
use row::Encoder;
use symbols::Fit;

pub use layout::Layout;
pub use rows::Room;

/// What the words are coded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    /// BF16 words.
    Bf16,
    /// FP16 words, as they are.
    F16,
    /// FP16 words that all are BF16 values, coded as these.
    Bf16InF16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    coding: Coding,
}

pub(super) fn encode(
    shape: TableShape,
    words: &dyn Source,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let coding = symbols::coding(shape, words)?;
    let fit = Fit::new(shape, coding, words)?;
    let parts = Parts::new(shape, coding);
    let backend = Backend::best();
    let (mut records, mut starts) = (Vec::new(), Vec::new());
    let mut end = 0_u64;
    let encode_chunk = |number: usize| -> Result<(usize, row::Chunk)> {
        let rows = parts.rows_of(number);
        let mut encoder = Encoder::new(backend, coding, &fit, shape.dim);
        let mut buffer = vec![0; rows.len() * shape.dim];
        words.read(rows.start * shape.dim, &mut buffer)?;
        buffer.chunks_exact_mut(shape.dim).for_each(|row| encoder.add(row));
        Ok((buffer.len(), encoder.finish()))
    };
    for_each_in_order(0..parts.chunks(), encode_chunk, |encoded| {
        let (len, chunk) = encoded?;
        payload.write_all(&chunk.bytes).map_err(write_failed)?;
        end += chunk.bytes.len() as u64;
        records.extend_from_slice(&end.to_le_bytes());
        records.extend_from_slice(&crc32c::crc32c(&chunk.bytes).to_le_bytes());
        records.extend_from_slice(&[0; RECORD - 12]);
        chunk.starts.iter().for_each(|start| starts.extend_from_slice(&start.to_le_bytes()));
        advance(len);
        Ok(())
    })?;
    // What a kernel may read past the last row, whatever that row's bytes are.
    let guard = parts.guard(end);
    payload.write_all(&vec![0; guard]).map_err(write_failed)?;
    let index = [records, starts, fit.tops().to_vec(), vec![0], fit.bias().to_vec()].concat();
    let params = serde_json::json!(Params { coding });
    Ok(Encoded { payload_bytes: end + guard as u64, index, params })
}

#[cfg(test)]
mod ratio;
#[cfg(test)]
mod tests;
