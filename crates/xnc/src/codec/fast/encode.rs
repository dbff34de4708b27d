//! Words to a table: rows in blocks on all threads, placed in order.

use std::io::Write;

use super::by_place;
use super::index::{BLOCK, Index, Placing};
use super::row::Encoder;
use super::symbols::Fit;
use crate::codec::ordered::for_each_in_order;
use crate::codec::pages::Pages;
use crate::codec::{Encoded, Source, TableShape};
use crate::error::Result;
use crate::kernel::Backend;
use crate::kernel::fast::pack::Codes;

/// The rows of a block.
struct Block {
    bytes: Vec<u8>,
    listed: Vec<usize>,
}

pub fn encode(
    backend: Backend,
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
        let mut encoder = Encoder::new(backend, shape.dtype, index.most_listed(), &fit, &bias);
        let mut buffer = vec![0; rows.len() * shape.dim];
        words.read(rows.start * shape.dim, &mut buffer)?;
        let mut bytes = Vec::with_capacity(buffer.len() * 3 / 2);
        let listed = buffer.chunks_exact(shape.dim).map(|row| encoder.add(row, &mut bytes)).collect();
        Ok(Block { bytes, listed })
    };
    let (mut starts, mut counts) = (Vec::new(), Vec::new());
    let mut out = Pages::new(payload);
    for_each_in_order(0..index.rows().div_ceil(BLOCK), encode_block, |block| {
        let Block { bytes, listed } = block?;
        let mut rest = &bytes[..];
        for (i, &listed) in listed.iter().enumerate() {
            let row = rest.split_off(..index.length(listed)).expect("rows are as long as their lists say");
            let at = placing.begin(out.bytes(), row.len());
            if i == 0 {
                starts.extend_from_slice(&(at as u64).to_le_bytes());
            }
            if at > out.bytes() {
                out.add(&vec![0; at - out.bytes()])?;
            }
            out.add(row)?;
            counts.extend(index.count(listed));
        }
        advance(listed.len() * shape.dim);
        Ok(())
    })?;
    // What a kernel may read past the last row, whatever that row's bytes are.
    out.add(&vec![0; placing.filled(out.bytes()) - out.bytes()])?;
    let (bytes, checksums) = out.finish();
    let Codes { ranked, phase } = fit.codes();
    let symbols = [&ranked[..], fit.rare(), &[u8::from(phase > 0)]].concat();
    let index = [&starts, &checksums, &counts, &symbols, fit.bias()].concat();
    Ok(Encoded { payload_bytes: bytes as u64, index, params: serde_json::json!(placing) })
}
