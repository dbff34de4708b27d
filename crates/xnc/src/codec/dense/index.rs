//! The index: where streams lie. `spec/dense.md`, section 3.

use super::counted::{Counts, stream_rows};
use super::model::Model;
use super::records::Records;
use crate::codec::records::is_filling;
use crate::codec::{Stored, TableShape};

/// Words in a row at most: a stream of four bytes may stand for any number of words, so their number needs a
/// bound of its own.
pub const WIDEST: usize = 1 << 20;
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
    /// Where each stream begins behind its first coder word, and the last ends.
    pub starts: Vec<u64>,
    /// First coder words of the streams.
    pub firsts: Vec<u16>,
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
        let stream_rows = if predicted { 1 } else { stream_rows(shape.dim) };
        let rows = if shape.dim == 0 { 0 } else { shape.rows };
        let checksums = stored.index.len() - rest.len();
        rest.split_off(..rows.div_ceil(chunk_rows(shape.dim)).checked_mul(4)?)?;
        let mut records = Records::read(predicted, &mut rest)?;
        let (mut starts, mut firsts) = (vec![0u64], Vec::new());
        let (mut levels, mut keys) = (Vec::new(), Vec::new());
        for stream in 0..rows.div_ceil(stream_rows) {
            let record = records.next()?;
            let end = starts[stream] + 2 * record.others;
            // So what a few bits of index claim is never more than a payload holds: two bytes a stream.
            if end > stored.payload.len() as u64 {
                return None;
            }
            starts.push(end);
            firsts.push(record.first);
            if predicted {
                levels.push(record.level);
                if record.level < LAST {
                    keys.push(u32::try_from(stream).ok()?);
                }
            }
        }
        let filling = stored.payload.get(usize::try_from(*starts.last()?).ok()?..)?;
        let whole = records.done() && is_filling(rest) && is_filling(filling);
        whole.then_some(Index { shared, levels, keys, starts, firsts, stream_rows, checksums })
    }
}
