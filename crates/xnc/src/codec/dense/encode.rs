//! Words to streams: predicted where that pays, counted elsewhere.

use std::io::Write;

use rayon::prelude::*;

use super::counted::{Counts, stream_rows};
use super::index::chunk_rows;
use super::stream::Pending;
use super::{Effort, Params, plan};
use crate::codec::{BitWriter, Encoded, Source, TableShape, write_failed};
use crate::error::Result;
use crate::kernel::Backend;

/// An encoded table: its streams and what reads them.
pub struct Coded {
    /// Whether rows are predicted; their bytes are counted otherwise.
    pub predicted: bool,
    /// What all rows share, as stored.
    pub shared: Vec<u8>,
    /// Streams, chunk after chunk.
    pub chunks: Vec<Vec<u8>>,
    /// Level and length in coder words of each stream.
    pub records: Vec<(u8, u32)>,
}

impl Coded {
    fn bytes(&self) -> u64 {
        (self.shared.len() + self.chunks.iter().map(Vec::len).sum::<usize>() + self.records.len()) as u64
    }

    /// The index: what is shared, checksums, records.
    fn index(&self) -> Vec<u8> {
        let mut out = self.shared.clone();
        for chunk in &self.chunks {
            out.extend_from_slice(&crc32c::crc32c(chunk).to_le_bytes());
        }
        let lengths = || self.records.iter().map(|r| r.1);
        let (least, most) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
        let width = 32 - (most - least).leading_zeros();
        out.extend_from_slice(&least.to_le_bytes());
        out.push(width as u8);
        let mut bits = BitWriter::default();
        for &(level, length) in &self.records {
            if self.predicted {
                bits.put(u32::from(level), 2);
            }
            bits.put(length - least, width);
        }
        out.extend_from_slice(&bits.finish());
        out
    }
}

pub fn encode(
    backend: Backend,
    shape: TableShape,
    words: &dyn Source,
    effort: Effort,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let mut coded = vec![0; shape.words()];
    words.read(0, &mut coded)?;
    let mut share = Share { advance, total: shape.words(), given: 0 };
    let (counts, counted_bits) = Counts::fit(&coded);
    let predicted = plan::encode(backend, &coded, shape, effort, &mut share);
    let streams = match predicted {
        Some(streams) if streams.bytes() as f64 * 8.0 < counted_bits => streams,
        _ => count(&coded, shape.dim, &counts),
    };
    let index = streams.index();
    let mut payload_bytes = 0;
    for chunk in &streams.chunks {
        payload.write_all(chunk).map_err(write_failed)?;
        payload_bytes += chunk.len() as u64;
    }
    share.to(1.0);
    let params = serde_json::json!(Params { predicted: streams.predicted });
    Ok(Encoded { payload_bytes, index, params })
}

/// A row's level and its number of coder words.
type Record = (u8, u32);

/// Codes a table by counts.
fn count(words: &[u16], dim: usize, counts: &Counts) -> Coded {
    let mut shared = Vec::new();
    counts.write(&mut shared);
    let coded: Vec<(Vec<u8>, Vec<Record>)> = words
        .par_chunks((chunk_rows(dim) * dim).max(1))
        .map(|chunk| {
            let (mut out, mut records, mut pending) = (Vec::new(), Vec::new(), Pending::default());
            for part in chunk.chunks(stream_rows(dim) * dim) {
                let start = out.len();
                counts.encode(part, &mut pending, &mut out);
                records.push((0, ((out.len() - start) / 2) as u32));
            }
            (out, records)
        })
        .collect();
    let (chunks, records): (Vec<_>, Vec<_>) = coded.into_iter().unzip();
    Coded { predicted: false, shared, chunks, records: records.concat() }
}

/// Tells how much of all the work is done, in words.
pub struct Share<'a> {
    advance: &'a mut dyn FnMut(usize),
    total: usize,
    given: usize,
}

impl Share<'_> {
    pub fn to(&mut self, fraction: f64) {
        let words = (self.total as f64 * fraction) as usize;
        if words > self.given {
            (self.advance)(words - self.given);
            self.given = words;
        }
    }
}
