//! Reading: where streams lie, and rows out of them.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::Value;

use super::Params;
use super::counted::{Counts, stream_rows};
use super::grid::Grid;
use super::model::Model;
use super::rows::Rows;
use crate::codec::bits::BitReader;
use crate::codec::{ChunkLayout, Stored, TableShape};
use crate::error::{Error, Result};
use crate::kernel::stream::Stream;

/// Words in a row at most: a stream of four bytes may stand for any number of words, so their number needs a bound of its own.
pub const WIDEST: usize = 1 << 20;
/// Coder words of a stream at least: the first state.
const STATE: u64 = 2;
/// Level of rows that nothing refers to.
pub const LAST: u8 = 3;
/// Rows from which on reading pays for the innovations of all keys.
const FEW: usize = 2;
/// Words that a chunk holds at most, unless a single row is longer: 64 KiB of the source.
const CHUNK_WORDS: usize = 1 << 15;

/// Rows in a chunk: whole streams of either mode.
pub fn chunk_rows(dim: usize) -> usize {
    match CHUNK_WORDS / dim.max(1) {
        0 => 1,
        rows @ 1..8 => 1 << rows.ilog2(),
        rows => rows / 8 * 8,
    }
}

/// How the words are coded.
enum Mode {
    Counted(Box<Counts>),
    Predicted(Box<Rows>),
}

/// A table's streams; made by reading the index once.
pub struct Layout {
    shape: TableShape,
    grid: Grid,
    mode: Mode,
    chunk_rows: usize,
    stream_rows: usize,
    /// Where each stream begins, and the last ends.
    starts: Vec<u64>,
    /// Where the checksums lie in the index.
    checksums: usize,
    /// Chunks whose checksum was compared because a row elsewhere refers to one of theirs.
    checked: Vec<AtomicBool>,
}

impl Layout {
    pub(in crate::codec) fn open(shape: TableShape, params: &Value, stored: Stored<'_>) -> Result<Layout> {
        let params =
            Params::deserialize(params).map_err(|e| Error::corrupt(format!("params of codec dense: {e}")))?;
        if !params.grid.fits(shape.dtype) {
            return Err(Error::corrupt(format!("a grid that {} words do not have", shape.dtype)));
        }
        Layout::read(shape, &params, stored)
            .ok_or_else(|| Error::corrupt("the index of codec dense does not fit shape and payload"))
    }

    fn read(shape: TableShape, params: &Params, stored: Stored<'_>) -> Option<Layout> {
        if shape.dim > WIDEST {
            return None;
        }
        let mut rest = stored.index;
        let model = match params.predicted {
            true => Some(Model::read(shape.dim, params.grid.dtype().mantissa_bits(), &mut rest)?),
            false => None,
        };
        let (stream_rows, level_bits, counts) = match model {
            Some(_) => (1, 2, None),
            None => (stream_rows(shape.dim), 0, Some(Counts::read(&mut rest)?)),
        };
        let rows = if shape.dim == 0 { 0 } else { shape.rows };
        let chunk_rows = chunk_rows(shape.dim);
        let chunks = rows.div_ceil(chunk_rows);
        let checksums = stored.index.len() - rest.len();
        rest.split_off(..chunks.checked_mul(4)?)?;
        let head = rest.split_off(..5)?;
        let least = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let width = u32::from(head[4]);
        let streams = rows.div_ceil(stream_rows);
        let bits = streams.checked_mul(width as usize + level_bits)?;
        let records = rest.split_off(..bits.div_ceil(8))?;
        if width > 32 || rest.len() >= 64 || rest.iter().any(|&b| b != 0) {
            return None;
        }
        let (mut starts, mut levels, mut keys) = (vec![0u64], Vec::new(), Vec::new());
        let mut record = BitReader::new(records);
        for stream in 0..streams {
            if level_bits > 0 {
                let level = record.take(2) as u8;
                levels.push(level);
                if level < LAST {
                    keys.push(u32::try_from(stream).ok()?);
                }
            }
            let words = u64::from(least) + u64::from(record.take(width));
            let end = starts[stream] + 2 * words;
            // So what a few bits of index claim is never more than a payload holds.
            if words < STATE || end > stored.payload.len() as u64 {
                return None;
            }
            starts.push(end);
        }
        let end = starts[streams];
        let filling = stored.payload.get(usize::try_from(end).ok()?..)?;
        let last = record.take((8 - bits as u32 % 8) % 8);
        if last != 0 || filling.len() >= 64 || filling.iter().any(|&b| b != 0) {
            return None;
        }
        let mode = match (model, counts) {
            (Some(model), _) => Mode::Predicted(Box::new(Rows::new(model, levels, keys))),
            (None, counts) => Mode::Counted(Box::new(counts?)),
        };
        let checked = (0..chunks).map(|_| AtomicBool::new(false)).collect();
        Some(Layout { shape, grid: params.grid, mode, chunk_rows, stream_rows, starts, checksums, checked })
    }

    /// Bytes of innovations that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        match &self.mode {
            Mode::Counted(_) => 0,
            Mode::Predicted(rows) => rows.kept(),
        }
    }

    fn stream<'a>(&self, stored: Stored<'a>, number: usize) -> &'a [u8] {
        &stored.payload[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// Compares the checksum of the chunk of `row`, once: nobody else does for rows that are only referred to.
    fn check_chunk_of(&self, stored: Stored<'_>, row: u32) -> Option<()> {
        let chunk = row as usize / self.chunk_rows;
        if !self.checked[chunk].load(Ordering::Relaxed) {
            let (range, expected) = self.record(stored, chunk);
            if crc32c::crc32c(&stored.payload[range]) != expected {
                return None;
            }
            self.checked[chunk].store(true, Ordering::Relaxed);
        }
        Some(())
    }

    /// Decodes whole streams; `out` takes all their rows.
    fn streams(&self, stored: Stored<'_>, streams: Range<usize>, out: &mut [u16]) -> Option<()> {
        match &self.mode {
            Mode::Counted(counts) => {
                let parts = out.chunks_mut(self.stream_rows * self.shape.dim);
                streams.zip(parts).all(|(k, out)| counts.decode(self.stream(stored, k), out)).then_some(())
            }
            Mode::Predicted(rows) => {
                let ids: Vec<u32> = streams.map(|row| row as u32).collect();
                rows.decode(&Streams { layout: self, stored }, &ids, ids.len() > FEW, out)
            }
        }
    }

    /// Reads rows anywhere, one after another. The checksums of their chunks are the caller's business.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
    pub fn gather(&self, stored: Stored<'_>, ids: &[usize], out: &mut [u16]) -> Result<()> {
        let dim = self.shape.dim;
        let Mode::Predicted(rows) = &self.mode else {
            let mut each = ids.iter().zip(out.chunks_exact_mut(dim.max(1)));
            return each.try_for_each(|(&id, out)| {
                let chunk = id / self.chunk_rows;
                self.decode(stored, chunk, (id - chunk * self.chunk_rows) * dim, out, None)
            });
        };
        let ids: Vec<u32> = ids.iter().map(|&id| id as u32).collect();
        let done = rows.decode(&Streams { layout: self, stored }, &ids, false, out);
        self.grid.leave(out);
        done.ok_or_else(|| Error::corrupt("one of these rows, or one they refer to, is damaged"))
    }
}

/// Where the streams of an open table lie.
pub struct Streams<'a> {
    layout: &'a Layout,
    stored: Stored<'a>,
}

impl<'a> Streams<'a> {
    /// The stream of a row of a predicted table.
    pub fn of(&self, row: u32) -> &'a [u8] {
        self.layout.stream(self.stored, row as usize)
    }

    /// Bytes of innovations that may be kept, one for each word of a key: a quarter of the plain table, and no more than are stored. Of an
    /// encoder's rows fewer than half are keys, and their words take more than a byte; a hostile index may say that all are.
    pub fn room(&self) -> usize {
        (self.layout.shape.words() / 2).min(self.stored.payload.len())
    }

    /// As [`Streams::of`], of a row that another refers to: nobody else has compared the checksum of its chunk.
    pub fn check(&self, row: u32) -> Option<()> {
        self.layout.check_chunk_of(self.stored, row)
    }
}

impl ChunkLayout for Layout {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn chunk_words(&self) -> usize {
        self.chunk_rows * self.shape.dim.max(1)
    }

    fn record(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32) {
        let per = self.chunk_rows / self.stream_rows;
        let end = (self.starts.len() - 1).min((number + 1) * per);
        let crc = &stored.index[self.checksums + 4 * number..][..4];
        let range = self.starts[number * per] as usize..self.starts[end] as usize;
        (range, u32::from_le_bytes([crc[0], crc[1], crc[2], crc[3]]))
    }

    fn decode(
        &self,
        stored: Stored<'_>,
        number: usize,
        first: usize,
        out: &mut [u16],
        _far: Option<&Stream>,
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let unit = self.stream_rows * self.shape.dim;
        let base = number * self.chunk_rows / self.stream_rows;
        let streams = base + first / unit..base + (first + out.len()).div_ceil(unit);
        let held = (streams.end * unit).min(self.shape.words()) - streams.start * unit;
        let skip = first % unit;
        let done = if (skip, held) == (0, out.len()) {
            self.streams(stored, streams, out)
        } else {
            let mut words = vec![0; held];
            let done = self.streams(stored, streams, &mut words);
            out.copy_from_slice(&words[skip..skip + out.len()]);
            done
        };
        self.grid.leave(out);
        done.ok_or_else(|| {
            Error::corrupt(format!("a row of chunk {number}, or one it refers to, is damaged"))
        })
    }
}
