//! Codec `xnc`: the published scheme as a bitstream. `spec/xnc.md`.
//!
//! [`block`] knows FP16 words, [`chunk`] knows BF16 and exceptions, this module knows the index.

pub mod block;
mod chunk;

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ordered::for_each_in_order;
use super::product::{Decoded, Product, Vectors};
use super::records::{self, RECORD, Record, is_filling};
use super::{Encoded, Reader, Source, Stored, TableShape, View, write_failed};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::stream::Stream;
use chunk::{CHUNK_WORDS, Chunk};

/// Bits of the shortest form of a word, its selector included, and of the longest with its share of the block's flag.
const LEAST_BITS: usize = 10;
const MOST_BITS: usize = 18;
/// Payload and index are filled to a multiple of this.
const PADDING: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Sum of the block sizes: the paper's count.
    bits: u64,
}

pub(super) fn encode(
    backend: Backend,
    shape: TableShape,
    words: &dyn Source,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let total = shape.words();
    let mut index = Vec::new();
    let mut exceptions = Vec::new();
    let (mut end, mut bits) = (0, 0);
    let encode_chunk = |number: usize| -> Result<(usize, Chunk, u32)> {
        let first = number * CHUNK_WORDS;
        // On the stack: freeing larger vectors in batches makes the allocator return and fault in the same
        // pages again and again.
        let mut buffer = [0; CHUNK_WORDS];
        let buffer = &mut buffer[..CHUNK_WORDS.min(total - first)];
        words.read(first, buffer)?;
        let chunk = chunk::encode(backend, shape.dtype, buffer);
        let checksum = crc32c::crc32c(&chunk.bytes);
        Ok((buffer.len(), chunk, checksum))
    };
    for_each_in_order(0..total.div_ceil(CHUNK_WORDS), encode_chunk, |encoded| {
        let (len, chunk, checksum) = encoded?;
        payload.write_all(&chunk.bytes).map_err(write_failed)?;
        end += chunk.bytes.len() as u64;
        bits += chunk.bits;
        exceptions.extend_from_slice(&chunk.exceptions);
        let listed = u32::try_from(exceptions.len()).map_err(|_| {
            write_failed(io::Error::other("more than 2^32 blocks do not survive the FP16 image"))
        })?;
        Record { end, crc32c: checksum, own: listed }.put(&mut index);
        advance(len);
        Ok(())
    })?;
    index.extend_from_slice(&exceptions);
    let params = serde_json::json!(Params { bits });
    Ok(Encoded { payload_bytes: end, index, params })
}

/// Where the chunks lie; made by reading the whole index once.
pub struct XncReader {
    backend: Backend,
    shape: TableShape,
    chunks: usize,
}

/// A record's own number is where the chunk's exceptions end in the list that follows the records.
impl XncReader {
    pub(super) fn open(
        shape: TableShape,
        params: &Value,
        stored: Stored<'_>,
        backend: Backend,
    ) -> Result<XncReader> {
        Params::deserialize(params).map_err(|e| Error::corrupt(format!("params of codec xnc: {e}")))?;
        let reader = XncReader { backend, shape, chunks: shape.words().div_ceil(CHUNK_WORDS) };
        let records = reader.chunks.checked_mul(RECORD).filter(|&bytes| bytes <= stored.index.len());
        let Some(records) = records else {
            return Err(Error::corrupt(format!(
                "an index of {} bytes cannot hold {} chunk records",
                stored.index.len(),
                reader.chunks
            )));
        };
        let (mut end, mut listed) = (0, 0);
        for number in 0..reader.chunks {
            let record = Record::get(stored.index, number);
            let list = stored.index[records..].get(listed..record.own as usize);
            let words = CHUNK_WORDS.min(shape.words() - number * CHUNK_WORDS);
            let blocks = words.div_ceil(block::BLOCK_WORDS);
            let rising = list.is_some_and(|list| {
                list.windows(2).all(|pair| pair[0] < pair[1])
                    && list.last().is_none_or(|&last| usize::from(last) < blocks)
            });
            // Only BF16 words can fail to come back from an FP16 image.
            let allowed = shape.dtype == Dtype::Bf16 || record.own == 0;
            // No form of a word is shorter, so a few bytes cannot promise a row that takes a lot of memory.
            let least = (words * LEAST_BITS).div_ceil(8) as u64;
            let most = (words * MOST_BITS).div_ceil(8) as u64;
            let sensible = record.end.checked_sub(end).is_some_and(|bytes| (least..=most).contains(&bytes));
            if !sensible || record.end > stored.payload.len() as u64 || !rising || !allowed {
                return Err(Error::corrupt(format!("record of chunk {number} in the index makes no sense")));
            }
            end = record.end;
            listed = record.own as usize;
        }
        let filling = &stored.payload[end as usize..];
        let unused = &stored.index[records + listed..];
        let whole = (end as usize).next_multiple_of(PADDING) == stored.payload.len()
            && (records + listed).next_multiple_of(PADDING) == stored.index.len();
        if !(whole && is_filling(filling) && is_filling(unused)) {
            return Err(Error::corrupt(
                "padding of payload or index is not zero bytes up to a multiple of 64",
            ));
        }
        Ok(reader)
    }
}

impl Reader for XncReader {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn chunk_words(&self) -> usize {
        CHUNK_WORDS
    }

    fn unit(&self, stored: Stored<'_>, number: usize) -> Option<(Range<usize>, u32)> {
        Some((records::range(stored.index, number), Record::get(stored.index, number).crc32c))
    }

    fn decode(
        &self,
        view: &View<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        _: Option<&Stream>,
    ) -> Result<()> {
        let Stored { index, payload } = view.stored;
        let bytes = &payload[records::range(index, number)];
        let listed = Record::before(index, number).own as usize..Record::get(index, number).own as usize;
        let exceptions = &index[self.chunks * RECORD..][listed];
        let total = view.words_of(number).len();
        chunk::decode(self.backend, self.shape.dtype, bytes, exceptions, total, first, out).map_err(|fault| {
            let what = match fault {
                chunk::Malformed::Short => "ends inside a block",
                chunk::Malformed::Long => "goes on after its last block",
            };
            Error::corrupt(format!("chunk {number} {what}"))
        })
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let dim = self.shape.dim;
        ids.iter().zip(out.chunks_exact_mut(dim)).try_for_each(|(id, out)| view.read(id * dim, out))
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Decoded::boxed(&self, x)
    }
}
