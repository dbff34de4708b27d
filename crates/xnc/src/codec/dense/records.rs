//! Records of streams: level, length and first coder word of each, which a stream of their own holds.
//! `spec/dense.md`, section 3.

use super::index::LAST;
use super::numbers::Numbers;
#[cfg(feature = "threads")]
use super::stream::Pending;
use super::stream::Reader;
use super::symbols::Symbols;

/// Bits of the shortest stream: a first coder word that is zero, and another.
const SHORTEST: u64 = 16;

/// What is known of a stream without its bytes.
#[derive(Clone, Copy)]
pub struct Record {
    /// Pass in which the row is decoded; 0 in a counted table.
    pub level: u8,
    /// The first coder word.
    pub first: u16,
    /// How many coder words follow it, at least one.
    pub others: u64,
}

impl Record {
    /// Bits of the first coder word from the highest that is 1.
    #[cfg(feature = "threads")]
    fn first_bits(self) -> u32 {
        u16::BITS - self.first.leading_zeros()
    }

    /// Bits of the stream.
    #[cfg(feature = "threads")]
    fn bits(self) -> u64 {
        16 * self.others + u64::from(self.first_bits())
    }
}

/// Appends the records; levels are left out of a counted table's.
#[cfg(feature = "threads")]
pub fn write(records: &[Record], leveled: bool, out: &mut Vec<u8>) {
    let least = records.iter().map(|record| record.bits()).min().unwrap_or(SHORTEST);
    let more = |record: &Record| (record.bits() - least) as u32;
    let lengths = Numbers::of(records.iter().map(more));
    let mut levels = [0; 256];
    records.iter().for_each(|record| levels[usize::from(record.level)] += 1);
    let levels = leveled.then(|| Symbols::fit(&levels));
    out.extend_from_slice(&(least as u32).to_le_bytes());
    lengths.write(out);
    if let Some(levels) = &levels {
        levels.write(out);
    }
    let mut pending = Pending::default();
    for record in records {
        if let Some(levels) = &levels {
            pending.symbol(levels, record.level);
        }
        lengths.put(more(record), &mut pending);
        let below = record.first_bits().saturating_sub(1);
        pending.bits(u32::from(record.first) & ((1 << below) - 1), below);
    }
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    pending.finish_whole(out);
    let size = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&size.to_le_bytes());
}

/// Reads what [`write`] wrote, record by record.
pub struct Records<'a> {
    least: u64,
    lengths: Numbers,
    levels: Option<Symbols>,
    stream: Reader<'a>,
}

impl<'a> Records<'a> {
    /// `None` where the bytes are no beginning of records.
    pub fn read(leveled: bool, bytes: &mut &'a [u8]) -> Option<Records<'a>> {
        let least = u64::from(u32::from_le_bytes(*bytes.split_off(..4)?.first_chunk()?));
        let lengths = Numbers::read(Numbers::PLAIN, bytes)?;
        let levels = if leveled { Some(Symbols::read(bytes)?) } else { None };
        let size = u64::from_le_bytes(*bytes.split_off(..8)?.first_chunk()?);
        let stream = Reader::of_whole(bytes.split_off(..usize::try_from(size).ok()?)?)?;
        (least >= SHORTEST).then_some(Records { least, lengths, levels, stream })
    }

    /// The next record; none where its level is not one.
    pub fn next(&mut self) -> Option<Record> {
        let level = self.levels.as_ref().map_or(0, |levels| self.stream.symbol(levels));
        let bits = self.least + u64::from(self.lengths.take(&mut self.stream));
        let others = ((bits - 1) / 16).max(1);
        let first = match (bits - 16 * others) as u32 {
            0 => 0,
            n => 1 << (n - 1) | self.stream.bits(n - 1) as u16,
        };
        (level <= LAST).then_some(Record { level, first, others })
    }

    /// Whether that was all.
    pub fn done(&self) -> bool {
        self.stream.done()
    }
}
