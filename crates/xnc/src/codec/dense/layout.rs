//! Reading: where streams lie, and rows out of them.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::Value;

use super::Params;
use super::counted::{Counts, stream_rows};
use super::grid::Grid;
use super::model::Model;
use super::stream::Reader;
use crate::codec::bits::BitReader;
use crate::codec::{ChunkLayout, Stored, TableShape};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::residual::{self, Head, LANES, Lane, REFS, Tables, WEIGHTS};

/// Kind of a row whose words are all equal.
pub const CONSTANT: u8 = 32;
/// Level of rows that nothing refers to.
pub const LAST: u8 = 3;
/// Words that a chunk holds at most, unless a single row is longer: 64 KiB of the source.
const CHUNK_WORDS: usize = 1 << 15;

/// Bits of a key's number.
pub fn key_bits(keys: usize) -> u32 {
    usize::BITS - keys.saturating_sub(1).leading_zeros()
}

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
    Predicted(Box<Predicted>),
}

struct Predicted {
    model: Model,
    tables: Tables,
    /// Pass in which each row is decoded.
    levels: Vec<u8>,
    /// Rows that others may refer to, in order.
    keys: Vec<u32>,
    /// Innovations of all keys, decoded when many rows are wanted at once.
    innovations: OnceLock<Option<Vec<i8>>>,
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
    backend: Backend,
}

/// A row's parameters, and the stream behind them.
struct Start<'a> {
    /// The word that fills the row.
    constant: Option<u16>,
    head: Head,
    /// Rows referred to.
    refs: Vec<u32>,
    state: u32,
    rest: &'a [u8],
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
            starts.push(starts[stream].checked_add(2 * words)?);
        }
        let end = starts[streams];
        let filling = stored.payload.get(usize::try_from(end).ok()?..)?;
        let last = record.take((8 - bits as u32 % 8) % 8);
        if last != 0 || filling.len() >= 64 || filling.iter().any(|&b| b != 0) {
            return None;
        }
        let mode = match (model, counts) {
            (Some(model), _) => Mode::Predicted(Box::new(Predicted {
                tables: model.expand(),
                model,
                levels,
                keys,
                innovations: OnceLock::new(),
            })),
            (None, counts) => Mode::Counted(Box::new(counts?)),
        };
        let checked = (0..chunks).map(|_| AtomicBool::new(false)).collect();
        let backend = Backend::best();
        Some(Layout {
            shape,
            grid: params.grid,
            mode,
            chunk_rows,
            stream_rows,
            starts,
            checksums,
            checked,
            backend,
        })
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
        let dim = self.shape.dim;
        match &self.mode {
            Mode::Counted(counts) => {
                let parts = out.chunks_mut(self.stream_rows * dim);
                streams.zip(parts).all(|(k, out)| counts.decode(self.stream(stored, k), out)).then_some(())
            }
            Mode::Predicted(p) => {
                let rows: Vec<u32> = streams.map(|row| row as u32).collect();
                if rows.len() > 2 {
                    let all = p.innovations.get_or_init(|| self.all_innovations(stored, p)).as_ref()?;
                    let of = |key: u32| {
                        let k = p.keys.binary_search(&key).ok()?;
                        all.get(k * dim..(k + 1) * dim)
                    };
                    for (rows, out) in rows.chunks(LANES).zip(out.chunks_mut(LANES * dim)) {
                        self.rows(stored, p, rows, of, out, &mut [])?;
                    }
                    return Some(());
                }
                rows.iter()
                    .zip(out.chunks_mut(dim))
                    .try_for_each(|(&row, out)| self.alone(stored, p, row, out, &mut []))
            }
        }
    }

    /// Innovations of all keys, level by level. Not on the thread pool: a worker that waits for this must not be handed another part of it.
    fn all_innovations(&self, stored: Stored<'_>, p: &Predicted) -> Option<Vec<i8>> {
        let dim = self.shape.dim;
        p.keys.iter().try_for_each(|&row| self.check_chunk_of(stored, row))?;
        let mut all = vec![0i8; p.keys.len() * dim];
        let (mut words, mut new) = (vec![0; LANES * dim], vec![0i8; LANES * dim]);
        for level in 0..LAST {
            let at: Vec<usize> =
                (0..p.keys.len()).filter(|&k| p.levels[p.keys[k] as usize] == level).collect();
            for group in at.chunks(LANES) {
                let rows: Vec<u32> = group.iter().map(|&k| p.keys[k]).collect();
                let of = |key: u32| {
                    let k = p.keys.binary_search(&key).ok()?;
                    all.get(k * dim..(k + 1) * dim)
                };
                let n = group.len() * dim;
                self.rows(stored, p, &rows, of, &mut words[..n], &mut new[..n])?;
                for (&k, new) in group.iter().zip(new.chunks_exact(dim)) {
                    all[k * dim..(k + 1) * dim].copy_from_slice(new);
                }
            }
        }
        Some(all)
    }

    /// Decodes one row, and first the few that it builds on.
    fn alone(
        &self,
        stored: Stored<'_>,
        p: &Predicted,
        row: u32,
        out: &mut [u16],
        innovations: &mut [i8],
    ) -> Option<()> {
        let mut found = Vec::new();
        for &key in &self.start(stored, p, row)?.refs {
            self.check_chunk_of(stored, key)?;
            let mut e = vec![0i8; self.shape.dim];
            self.alone(stored, p, key, &mut vec![0; self.shape.dim], &mut e)?;
            found.push((key, e));
        }
        let of = |key: u32| found.iter().find(|f| f.0 == key).map(|f| &f.1[..]);
        self.rows(stored, p, &[row], of, out, innovations)
    }

    /// Decodes up to [`LANES`] rows side by side. `innovations` may be empty.
    fn rows<'a>(
        &self,
        stored: Stored<'_>,
        p: &Predicted,
        rows: &[u32],
        of: impl Fn(u32) -> Option<&'a [i8]>,
        out: &mut [u16],
        innovations: &mut [i8],
    ) -> Option<()> {
        let dim = self.shape.dim;
        let (mut lanes, mut words, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept_parts = innovations.chunks_exact_mut(dim);
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(dim)) {
            let start = self.start(stored, p, row)?;
            let e = kept_parts.next().unwrap_or_default();
            if let Some(word) = start.constant {
                out.fill(word);
                e.fill(0);
                continue;
            }
            let mut refs = [&[][..]; REFS];
            for (slot, &key) in refs.iter_mut().zip(&start.refs) {
                *slot = of(key)?;
            }
            lanes.push(Lane { head: start.head, state: start.state, stream: start.rest, refs });
            words.push(out);
            kept.push(e);
        }
        residual::decode(self.backend, &p.tables, &lanes, &mut words, &mut kept).then_some(())
    }

    /// Reads the head of a row.
    fn start<'a>(&self, stored: Stored<'a>, p: &Predicted, row: u32) -> Option<Start<'a>> {
        let mut r = Reader::new(self.stream(stored, row as usize))?;
        let kind = r.symbol(&p.model.kinds);
        let mut s = Start { constant: None, head: Head::default(), refs: Vec::new(), state: 0, rest: &[] };
        if kind == CONSTANT {
            s.constant = Some(r.bits(16) as u16);
            return r.done().then_some(s);
        }
        s.head.lift = kind % 8;
        s.head.scale = r.symbol(&p.model.scales);
        if usize::from(kind / 8) > REFS || s.head.scale > 127 {
            return None;
        }
        for k in 0..usize::from(kind / 8) {
            let key = *p.keys.get(r.wide(key_bits(p.keys.len())) as usize)?;
            s.head.weights[k] = r.symbol(&p.model.weights) as i8;
            // Levels rise along references, so following them ends.
            if p.levels[key as usize] >= p.levels[row as usize] {
                return None;
            }
            s.refs.push(key);
        }
        if s.head.weighs() > WEIGHTS {
            return None;
        }
        (s.state, s.rest) = (r.state, r.rest);
        Some(s)
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

    fn decode(&self, stored: Stored<'_>, number: usize, first: usize, out: &mut [u16]) -> Result<()> {
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
