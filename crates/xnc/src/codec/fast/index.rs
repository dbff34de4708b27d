//! The index of a table: where its rows lie, what checks them, what their codes mean. `spec/fast.md`, section 5.

use std::ops::Range;

use crate::codec::pages::PAGE;
use crate::codec::placing::{BLOCK, Placing};
use crate::codec::{Stored, TableShape};
use crate::kernel::fast::row::{ENTRY, GUARD, PLAIN, Row, RowShape};

use super::split;

/// Symbols that have a rank, those that lists name, and the phase.
pub const SYMBOLS: usize = 20;
/// Widest row whose lists are counted in one byte.
const NARROW: usize = 1 << 14;

/// Extents of an index, and what follows from a table's shape alone.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    pub table: TableShape,
    pub placing: Placing,
    pub row: RowShape,
    /// Bytes of a row's count.
    width: usize,
    checksums: usize,
    counts: usize,
    symbols: usize,
    end: usize,
}

impl Index {
    /// For a payload of that many bytes; none where the machine cannot hold such an index.
    pub fn new(table: TableShape, placing: Placing, payload: usize) -> Option<Index> {
        let rows = if table.dim == 0 { 0 } else { table.rows };
        let width = if table.dim <= NARROW { 1 } else { 2 };
        let checksums = rows.div_ceil(BLOCK).checked_mul(8)?;
        let counts = checksums.checked_add(payload.div_ceil(PAGE).checked_mul(4)?)?;
        let symbols = counts.checked_add(rows.checked_mul(width)?)?;
        let end = symbols.checked_add(SYMBOLS)?.checked_add(table.dim)?;
        let row = RowShape { dim: table.dim, split: split(table.dtype) };
        Some(Index { table, placing, row, width, checksums, counts, symbols, end })
    }

    /// Number of rows that lie somewhere.
    pub fn rows(&self) -> usize {
        if self.table.dim == 0 { 0 } else { self.table.rows }
    }

    /// Bytes of the index, padding left out.
    pub fn bytes(&self) -> usize {
        self.end
    }

    /// Most entries that a row may list.
    pub fn most_listed(&self) -> usize {
        if self.width == 1 { 254 } else { 65_534 }
    }

    /// A row's count as stored.
    pub fn count(&self, listed: usize) -> impl Iterator<Item = u8> + use<> {
        let count = if listed == PLAIN { u16::MAX } else { listed as u16 };
        count.to_le_bytes().into_iter().take(self.width)
    }

    /// Bytes of a row that lists so many entries.
    pub fn length(&self, listed: usize) -> usize {
        if listed == PLAIN { 2 * self.table.dim } else { ENTRY * listed + self.row.coded() }
    }

    fn listed(&self, stored: Stored<'_>, row: usize) -> usize {
        let at = self.counts + row * self.width;
        match stored.index[at..at + self.width] {
            [255] | [255, 255] => PLAIN,
            [count] => usize::from(count),
            [low, high] => usize::from(u16::from_le_bytes([low, high])),
            _ => unreachable!("a count has one byte or two"),
        }
    }

    /// A row, as if it lay at the payload's beginning.
    pub fn alone(&self, stored: Stored<'_>, row: usize) -> Row {
        Row { at: 0, listed: self.listed(stored, row) }
    }

    /// Entries that four rows in five do not exceed.
    pub fn usually_listed(&self, stored: Stored<'_>) -> usize {
        let mut rows = vec![0_usize; self.most_listed() + 1];
        let coded = (0..self.rows()).map(|row| self.listed(stored, row)).filter(|&listed| listed != PLAIN);
        coded.for_each(|listed| rows[listed] += 1);
        let (mut left, fifth) = (rows.iter().sum::<usize>(), rows.iter().sum::<usize>() / 5);
        let more = rows.iter().position(|&rows| {
            left -= rows;
            left <= fifth
        });
        more.unwrap_or(0)
    }

    /// Where block `number` begins, as the index tells.
    pub fn block(&self, stored: Stored<'_>, number: usize) -> u64 {
        u64::from_le_bytes(*stored.index[8 * number..].first_chunk().expect("checked when it was opened"))
    }

    /// CRC-32C of a page, and the bytes that it covers.
    pub fn page(&self, stored: Stored<'_>, number: usize) -> (Range<usize>, u32) {
        let at = self.checksums + 4 * number;
        let crc = u32::from_le_bytes(*stored.index[at..].first_chunk().expect("checked when it was opened"));
        (number * PAGE..stored.payload.len().min((number + 1) * PAGE), crc)
    }

    /// Bytes of symbols and biases.
    pub fn codes_bytes(&self) -> usize {
        self.end - self.symbols
    }

    /// Symbols and biases.
    pub fn codes<'a>(&self, stored: Stored<'a>) -> (&'a [u8], &'a [u8]) {
        stored.index[self.symbols..self.end].split_at(SYMBOLS)
    }

    /// Asks memory for what [`Index::row`] will read.
    pub fn ask(&self, stored: Stored<'_>, row: usize) {
        crate::kernel::prefetch(&stored.index[self.counts + row / BLOCK * BLOCK * self.width..][..1]);
        crate::kernel::prefetch(&stored.index[row / BLOCK * 8..][..8]);
    }

    /// Where a row lies: a few steps from the beginning of its block.
    pub fn row(&self, stored: Stored<'_>, row: usize) -> Row {
        let first = row / BLOCK * BLOCK;
        let start = self.block(stored, row / BLOCK) as usize;
        let listed = self.listed(stored, row);
        if self.width == 1 && self.placing == Placing::DENSE {
            // Near the end of a small index other bytes follow sooner; they are masked out, as later counts are.
            let mut block = [0; BLOCK];
            match stored.index[self.counts + first..].first_chunk() {
                Some(counts) => block = *counts,
                None => block[..row - first].copy_from_slice(&stored.index[self.counts..][first..row]),
            }
            return Row { at: start + self.dense_bytes(&block, row - first), listed };
        }
        let before = (first..row).map(|before| self.length(self.listed(stored, before)));
        let at = self.placing.begin_in_block(start, before, self.length(listed));
        Row { at, listed }
    }

    /// Bytes of the first `rows` of a block's rows, which follow each other without gaps.
    fn dense_bytes(&self, counts: &[u8; BLOCK], rows: usize) -> usize {
        let (mut sum, mut plain) = (0_u64, 0_u64);
        for (i, eight) in counts.as_chunks::<8>().0.iter().enumerate() {
            const LOW: u64 = 0x0101_0101_0101_0101;
            const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
            let those = rows.saturating_sub(8 * i).min(8) as u32;
            let mask = 1_u64.checked_shl(8 * those).unwrap_or(0).wrapping_sub(1);
            let counts = u64::from_le_bytes(*eight) & mask;
            let pairs = (counts & EVEN) + (counts >> 8 & EVEN);
            sum += pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
            // A byte is 255 when adding 1 to its lower seven bits carries into the eighth, and that is set.
            let full = ((counts & 0x7f7f_7f7f_7f7f_7f7f) + LOW) & counts & 0x8080_8080_8080_8080;
            plain += u64::from(full.count_ones());
        }
        let (sum, plain) = (sum as usize, plain as usize);
        ENTRY * (sum - 255 * plain) + (rows - plain) * self.row.coded() + plain * self.length(PLAIN)
    }

    /// Where rows that follow each other lie.
    pub fn run(&self, stored: Stored<'_>, rows: Range<usize>, out: &mut Vec<Row>) {
        out.clear();
        let Some(first) = (!rows.is_empty()).then(|| self.row(stored, rows.start).at) else { return };
        if self.width == 1 && self.placing == Placing::DENSE {
            // The common case, without a branch: a product asks for all rows of a table.
            let (coded, plain) = (self.row.coded(), self.length(PLAIN));
            let counts = &stored.index[self.counts + rows.start..self.counts + rows.end];
            let mut next = first;
            out.extend(counts.iter().map(|&count| {
                let (at, is_plain) = (next, count == u8::MAX);
                next += if is_plain { plain } else { ENTRY * usize::from(count) + coded };
                Row { at, listed: if is_plain { PLAIN } else { usize::from(count) } }
            }));
            return;
        }
        let mut end = first;
        for id in rows.clone() {
            let listed = self.listed(stored, id);
            let length = self.length(listed);
            let at = if id == rows.start { first } else { self.placing.begin(end, length) };
            end = at + length;
            out.push(Row { at, listed });
        }
    }

    /// Whether rows lie where the index says, and fill the payload: row arithmetic cannot fail after this. A coded
    /// row takes fewer bytes than a plain one.
    pub fn holds(&self, stored: Stored<'_>) -> bool {
        let (mut end, plain) = (0_usize, self.length(PLAIN));
        for id in 0..self.rows() {
            let listed = self.listed(stored, id);
            let length = self.length(listed);
            if listed != PLAIN && length >= plain {
                return false;
            }
            let at = self.placing.begin(end, length);
            if id % BLOCK == 0 && self.block(stored, id / BLOCK) != at as u64 {
                return false;
            }
            match at.checked_add(length).filter(|&end| end <= stored.payload.len()) {
                Some(after) => end = after,
                None => return false,
            }
        }
        self.placing.filled(end, GUARD) == stored.payload.len()
            && stored.payload[end..].iter().all(|&byte| byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    #[test]
    fn rows_lie_where_steps_from_row_to_row_lead() {
        for (dim, placing) in [
            (640, Placing::DENSE),
            (160, Placing::DENSE),
            (1, Placing::DENSE),
            (640, Placing { align: 8, page: 0 }),
            (576, Placing { align: 1, page: PAGE }),
            (8960, Placing { align: 64, page: PAGE }),
            (20_000, Placing::DENSE),
        ] {
            let table = TableShape { dtype: Dtype::Bf16, rows: 331, dim };
            let index = Index::new(table, placing, 0).expect("small");
            let listed = |row: usize| if row % 17 == 3 { PLAIN } else { row * row % 255 };
            let mut bytes = vec![0; index.bytes()];
            let (mut end, mut expected) = (0, Vec::new());
            for row in 0..table.rows {
                let length = index.length(listed(row));
                let at = placing.begin(end, length);
                assert!(at % placing.align == 0);
                let pages = (at + length - 1) / PAGE - at / PAGE + 1;
                assert!(length > placing.page || pages == 1, "row {row} of {dim}");
                if row % BLOCK == 0 {
                    bytes[row / BLOCK * 8..][..8].copy_from_slice(&(at as u64).to_le_bytes());
                }
                for (i, byte) in index.count(listed(row)).enumerate() {
                    bytes[index.counts + row * index.width + i] = byte;
                }
                expected.push(Row { at, listed: listed(row) });
                end = at + length;
            }
            let stored = Stored { index: &bytes, payload: &[] };
            for (row, expected) in expected.iter().enumerate() {
                assert_eq!(index.row(stored, row), *expected, "row {row} of {dim}, {placing:?}");
            }
            let mut run = Vec::new();
            index.run(stored, 5..200, &mut run);
            assert_eq!(run, expected[5..200]);
        }
    }
}
