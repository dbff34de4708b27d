//! Codec `dense`: the smallest. Each row is predicted from its columns, its own earlier dimensions and similar rows, and what is
//! left is coded. `spec/dense.md`.
//!
//! [`fit`] estimates what all rows share, [`levels`] decides what each row refers to, [`plan`] puts both together, [`row`] encodes;
//! [`layout`] reads the index, [`rows`] decodes; [`counted`] is for tables that nothing predicts.

mod counted;
mod covariance;
mod exact;
mod fit;
mod grid;
mod layout;
mod levels;
mod model;
mod plan;
mod refer;
mod row;
mod rows;
mod select;
mod stream;
mod symbols;

use std::io::Write;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Encoded, Source, TableShape, write_failed};
use crate::error::Result;
use counted::{Counts, stream_rows};
use grid::Grid;
pub use layout::Layout;
use layout::chunk_rows;
use stream::Pending;

/// How much time encoding may take; the numbers are in `spec/dense.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effort(u8);

impl Effort {
    /// The highest step.
    pub const MOST: u8 = 4;

    /// Step 1 to [`Effort::MOST`]; others are brought into that range.
    pub fn new(step: u8) -> Effort {
        Effort(step.clamp(1, Effort::MOST))
    }

    /// References that a row may have.
    fn references(self) -> usize {
        [0, 1, 3, 3][usize::from(self.0) - 1]
    }

    /// Similar rows among which a row's references are found.
    fn candidates(self) -> usize {
        [0, 4, 16, 32][usize::from(self.0) - 1]
    }

    /// Dimensions that the search for similar rows looks at.
    fn sketch(self, dim: usize) -> usize {
        let most = [0, 128, 256, usize::MAX][usize::from(self.0) - 1];
        dim.next_multiple_of(4).min(most)
    }
}

impl Default for Effort {
    fn default() -> Self {
        Effort(3)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Values that the coded words have.
    grid: Grid,
    /// Whether rows are predicted; their bytes are counted otherwise.
    predicted: bool,
}

/// Streams of a table and what reads them.
struct Streams {
    predicted: bool,
    /// What all rows share, as stored.
    shared: Vec<u8>,
    /// Streams, chunk after chunk.
    chunks: Vec<Vec<u8>>,
    /// Level and length in coder words of each stream.
    records: Vec<(u8, u32)>,
}

impl Streams {
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
        let mut bits = super::bits::BitWriter::default();
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

pub(super) fn encode(
    shape: TableShape,
    words: &dyn Source,
    effort: Effort,
    payload: &mut dyn Write,
    advance: &mut dyn FnMut(usize),
) -> Result<Encoded> {
    let mut coded = vec![0; shape.words()];
    words.read(0, &mut coded)?;
    let grid = Grid::of(shape.dtype, &coded);
    grid.enter(&mut coded);
    let mut share = Share { advance, total: shape.words(), given: 0 };
    let (counts, counted_bits) = Counts::fit(&coded);
    let predicted = plan::encode(&coded, shape.dim, grid, effort, &mut share);
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
    let params = serde_json::json!(Params { grid, predicted: streams.predicted });
    Ok(Encoded { payload_bytes, index, params })
}

/// A row's level and its number of coder words.
type Record = (u8, u32);

/// Codes a table by counts.
fn count(words: &[u16], dim: usize, counts: &Counts) -> Streams {
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
    Streams { predicted: false, shared, chunks, records: records.concat() }
}

/// Tells how much of all the work is done, in words.
struct Share<'a> {
    advance: &'a mut dyn FnMut(usize),
    total: usize,
    given: usize,
}

impl Share<'_> {
    fn to(&mut self, fraction: f64) {
        let words = (self.total as f64 * fraction) as usize;
        if words > self.given {
            (self.advance)(words - self.given);
            self.given = words;
        }
    }
}

#[cfg(test)]
mod tests;
