//! An open table: streams to words.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::Params;
use super::counted::Counts;
use super::index::{Index, Shared, chunk_rows};
use super::rows::Rows;
use super::stream;
use crate::codec::product::{Decoded, Product, Vectors};
use crate::codec::{Reader, Stored, TableShape, View};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::stream::Stream;

/// Chunks that are decoded at a time: of most widths, whole groups of rows side by side. Each has a checksum.
const CHUNKS: usize = 8;
/// Rows from which on reading pays for the innovations of all keys.
const FEW: usize = 2;

/// How the words are coded.
enum Mode {
    Counted(Box<Counts>),
    Predicted(Box<Rows>),
}

/// A table's streams; made by reading the index once.
pub struct DenseReader {
    shape: TableShape,
    backend: Backend,
    mode: Mode,
    chunk_rows: usize,
    stream_rows: usize,
    starts: Vec<u64>,
    firsts: Vec<u16>,
    checksums: usize,
}

impl DenseReader {
    pub(in crate::codec) fn open(
        shape: TableShape,
        params: &Value,
        stored: Stored<'_>,
        backend: Backend,
    ) -> Result<DenseReader> {
        let params =
            Params::deserialize(params).map_err(|e| Error::corrupt(format!("params of codec dense: {e}")))?;
        let index = Index::read(shape, params.predicted, stored)
            .ok_or_else(|| Error::corrupt("the index of codec dense does not fit shape and payload"))?;
        let Index { shared, levels, keys, starts, firsts, stream_rows, checksums } = index;
        let mode = match shared {
            Shared::Predicted(model) => Mode::Predicted(Box::new(Rows::new(*model, levels, keys, backend))),
            Shared::Counted(counts) => Mode::Counted(counts),
        };
        let chunk_rows = chunk_rows(shape.dim);
        Ok(DenseReader { shape, backend, mode, chunk_rows, stream_rows, starts, firsts, checksums })
    }

    /// Bytes of innovations that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        match &self.mode {
            Mode::Counted(_) => 0,
            Mode::Predicted(rows) => rows.kept(),
        }
    }

    fn stream<'a>(&self, stored: Stored<'a>, number: usize) -> stream::Reader<'a> {
        let others = self.starts[number] as usize..self.starts[number + 1] as usize;
        stream::Reader::new(self.firsts[number], &stored.payload[others])
    }

    /// Decodes whole streams; `out` takes all their rows.
    fn streams(&self, view: &View<'_>, streams: Range<usize>, out: &mut [u16]) -> Option<()> {
        match &self.mode {
            Mode::Counted(counts) => {
                let parts = out.chunks_mut(self.stream_rows * self.shape.dim);
                streams
                    .zip(parts)
                    .all(|(k, out)| counts.decode(self.stream(view.stored, k), out))
                    .then_some(())
            }
            Mode::Predicted(rows) => {
                let ids: Vec<u32> = streams.map(|row| row as u32).collect();
                rows.decode(&StoredRows { reader: self, view }, &ids, ids.len() > FEW, out)
            }
        }
    }
}

/// The streams of a predicted table, one a row.
pub struct StoredRows<'a> {
    reader: &'a DenseReader,
    view: &'a View<'a>,
}

impl<'a> StoredRows<'a> {
    /// The stream of a row.
    pub fn of(&self, row: u32) -> stream::Reader<'a> {
        self.reader.stream(self.view.stored, row as usize)
    }

    /// Bytes of innovations that may be kept, one for each word of a key: a quarter of the plain table, and
    /// no more than are stored. Of an encoder's rows fewer than half are keys, and their words take more than
    /// a byte; a hostile index may say that all are.
    pub fn room(&self) -> usize {
        (self.reader.shape.words() / 2).min(self.view.stored.payload.len())
    }

    /// Checks the chunk of a row that others refer to.
    pub fn check(&self, row: u32) -> Option<()> {
        self.view.check_row(row as usize).ok()
    }
}

impl Reader for DenseReader {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn chunk_words(&self) -> usize {
        CHUNKS * self.chunk_rows * self.shape.dim.max(1)
    }

    fn model_bytes(&self) -> usize {
        // The checksums follow what is shared.
        self.checksums
    }

    fn units(&self, _: Stored<'_>) -> usize {
        (self.starts.len() - 1).div_ceil(self.chunk_rows / self.stream_rows)
    }

    fn units_of(&self, _: Stored<'_>, words: Range<usize>) -> Range<usize> {
        let size = self.chunk_rows * self.shape.dim.max(1);
        words.start / size..words.end.div_ceil(size)
    }

    fn unit(&self, stored: Stored<'_>, number: usize) -> Option<(Range<usize>, u32)> {
        let per = self.chunk_rows / self.stream_rows;
        let end = (self.starts.len() - 1).min((number + 1) * per);
        let crc = stored.index[self.checksums + 4 * number..].first_chunk()?;
        Some((self.starts[number * per] as usize..self.starts[end] as usize, u32::from_le_bytes(*crc)))
    }

    fn decode(
        &self,
        view: &View<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        _: Option<&Stream>,
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let unit = self.stream_rows * self.shape.dim;
        let base = number * CHUNKS * self.chunk_rows / self.stream_rows;
        let streams = base + first / unit..base + (first + out.len()).div_ceil(unit);
        let held = (streams.end * unit).min(self.shape.words()) - streams.start * unit;
        let skip = first % unit;
        let done = if (skip, held) == (0, out.len()) {
            self.streams(view, streams, out)
        } else {
            let mut words = vec![0; held];
            let done = self.streams(view, streams, &mut words);
            out.copy_from_slice(&words[skip..skip + out.len()]);
            done
        };
        done.ok_or_else(|| {
            let chunks = number * CHUNKS..(number + 1) * CHUNKS;
            Error::corrupt(format!("a row of chunks {chunks:?}, or one that it refers to, is damaged"))
        })
    }

    fn gather(&self, view: &View<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        ids.iter().try_for_each(|&id| view.check_row(id))?;
        let dim = self.shape.dim;
        let Mode::Predicted(rows) = &self.mode else {
            return ids
                .iter()
                .zip(out.chunks_exact_mut(dim))
                .try_for_each(|(id, out)| view.read(id * dim, out));
        };
        let ids: Vec<u32> = ids.iter().map(|&id| id as u32).collect();
        let done = rows.decode(&StoredRows { reader: self, view }, &ids, false, out);
        done.ok_or_else(|| Error::corrupt("one of these rows, or one that they refer to, is damaged"))
    }

    fn product(self: Arc<Self>, x: Vectors<'_>) -> Box<dyn Product> {
        Decoded::boxed(&self, x)
    }
}
