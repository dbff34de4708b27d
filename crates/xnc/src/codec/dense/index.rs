//! The index: where streams lie. `spec/dense.md`, section 3.

use super::counted::{Counts, stream_rows};
use super::model::Model;
use crate::codec::bits::BitReader;
use crate::codec::records::is_filling;
use crate::codec::{Stored, TableShape};

/// Words in a row at most: a stream of four bytes may stand for any number of words, so their number needs a
/// bound of its own.
pub const WIDEST: usize = 1 << 20;
/// Coder words of a stream at least: the first state.
const STATE: u64 = 2;
/// Level of rows that nothing refers to.
pub const LAST: u8 = 3;
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

/// What the index says, once it was found consistent.
pub struct Index {
    /// What all rows share.
    pub shared: Shared,
    /// Pass in which each row is decoded; empty in a counted table.
    pub levels: Vec<u8>,
    /// Rows that others may refer to, in order.
    pub keys: Vec<u32>,
    /// Where each stream begins, and the last ends.
    pub starts: Vec<u64>,
    /// Rows of one stream.
    pub stream_rows: usize,
    /// Where the checksums of the chunks lie in the index.
    pub checksums: usize,
}

/// What all rows of a table share.
pub enum Shared {
    /// Words are coded by how often their bytes stand in the table.
    Counted(Box<Counts>),
    /// Rows are predicted.
    Predicted(Box<Model>),
}

impl Index {
    /// None where the bytes are no index of such a table, or its streams are not the payload.
    pub fn read(shape: TableShape, predicted: bool, stored: Stored<'_>) -> Option<Index> {
        // Rows of a predicted table have numbers of 32 bits.
        if shape.dim > WIDEST || (predicted && u32::try_from(shape.rows).is_err()) {
            return None;
        }
        let mut rest = stored.index;
        let shared = match predicted {
            true => {
                Shared::Predicted(Box::new(Model::read(shape.dim, shape.dtype.mantissa_bits(), &mut rest)?))
            }
            false => Shared::Counted(Box::new(Counts::read(&mut rest)?)),
        };
        let (stream_rows, level_bits) = if predicted { (1, 2) } else { (stream_rows(shape.dim), 0) };
        let rows = if shape.dim == 0 { 0 } else { shape.rows };
        let checksums = stored.index.len() - rest.len();
        rest.split_off(..rows.div_ceil(chunk_rows(shape.dim)).checked_mul(4)?)?;
        let head = rest.split_off(..5)?;
        let least = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let width = u32::from(head[4]);
        let streams = rows.div_ceil(stream_rows);
        let bits = streams.checked_mul(width as usize + level_bits)?;
        let records = rest.split_off(..bits.div_ceil(8))?;
        if width > 32 || !is_filling(rest) {
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
        let filling = stored.payload.get(usize::try_from(starts[streams]).ok()?..)?;
        let last = record.take((8 - bits as u32 % 8) % 8);
        let whole = last == 0 && is_filling(filling);
        whole.then_some(Index { shared, levels, keys, starts, stream_rows, checksums })
    }
}
