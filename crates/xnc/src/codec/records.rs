//! Chunk records: the first part of an index, 16 bytes for each chunk. `spec/container.md`, section 1.

use std::ops::Range;

/// Bytes of a record.
pub const RECORD: usize = 16;

/// What an index says of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where the chunk ends in the payload; it begins where the one before ends.
    pub end: u64,
    /// CRC-32C of the chunk's bytes.
    pub crc32c: u32,
    /// The codec's own number; zero where it has none.
    pub own: u32,
}

impl Record {
    /// Appends the record to an index.
    pub fn put(self, index: &mut Vec<u8>) {
        index.extend_from_slice(&self.end.to_le_bytes());
        index.extend_from_slice(&self.crc32c.to_le_bytes());
        index.extend_from_slice(&self.own.to_le_bytes());
    }

    /// Record `number` of an index, which is long enough.
    pub fn get(index: &[u8], number: usize) -> Record {
        let [a, b, c, d] = *index[number * RECORD..][..RECORD].as_chunks::<4>().0 else {
            unreachable!("a record is sixteen bytes")
        };
        let end = u64::from(u32::from_le_bytes(a)) | u64::from(u32::from_le_bytes(b)) << 32;
        Record { end, crc32c: u32::from_le_bytes(c), own: u32::from_le_bytes(d) }
    }

    /// The record before `number`; zeros for the first.
    pub fn before(index: &[u8], number: usize) -> Record {
        number
            .checked_sub(1)
            .map_or(Record { end: 0, crc32c: 0, own: 0 }, |before| Record::get(index, before))
    }
}

/// Where chunk `number` lies in a payload that all ends were compared with.
pub fn range(index: &[u8], number: usize) -> Range<usize> {
    Record::before(index, number).end as usize..Record::get(index, number).end as usize
}

/// Whether the bytes that fill a payload or an index up are zeros, fewer than 64.
pub fn is_filling(bytes: &[u8]) -> bool {
    bytes.len() < 64 && bytes.iter().all(|&byte| byte == 0)
}
