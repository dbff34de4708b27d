//! Words to a table: rows in blocks on all threads, placed in order.

use std::io::Write;

use super::by_place;
use super::index::Index;
use super::row::Encoder;
use super::symbols::Fit;
use crate::codec::ordered::for_each_in_order;
use crate::codec::placing::{BLOCK, Placed, Placer, Placing};
use crate::codec::{Encoded, Source, TableShape};
use crate::error::Result;
use crate::kernel::tight::row::Row;

/// The rows of a block.
struct Block {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

pub fn encode(
    shape: TableShape,
    words: &dyn Source,
    placing: Placing,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let fit = Fit::new(shape, words)?;
    let index = Index::new(shape, placing, 0).expect("as many rows as are in memory");
    let bias = by_place(index.row, fit.bias());
    let encode_block = |number: usize| -> Result<Block> {
        let rows = number * BLOCK..index.rows().min((number + 1) * BLOCK);
        let mut encoder = Encoder::new(index, &fit, &bias);
        let mut buffer = vec![0; rows.len() * shape.dim];
        words.read(rows.start * shape.dim, &mut buffer)?;
        let mut bytes = Vec::with_capacity(buffer.len() * 3 / 2);
        let rows = buffer.chunks_exact(shape.dim).map(|row| encoder.add(row, &mut bytes)).collect();
        Ok(Block { bytes, rows })
    };
    let mut counts = Vec::new();
    let mut out = Placer::new(placing, payload);
    for_each_in_order(0..index.rows().div_ceil(BLOCK), encode_block, |block| {
        let Block { bytes, rows } = block?;
        let mut rest = &bytes[..];
        for &row in &rows {
            out.add(rest.split_off(..index.length(row)).expect("rows are as long as their counts say"))?;
            counts.extend(index.count(row));
        }
        advance(rows.len() * shape.dim);
        Ok(())
    })?;
    let Placed { bytes, starts, checksums } = out.finish(index.row.guard())?;
    let symbols: Vec<u8> = fit.levels().iter().flat_map(|level| level[1..].to_vec()).collect();
    let index = [&starts, &checksums, &counts, &symbols, fit.bias()].concat();
    Ok(Encoded { payload_bytes: bytes as u64, index, params: serde_json::json!(placing) })
}
