//! The index of a table: where its rows lie, what checks them, what their codes mean. `spec/tight.md`, section 5.

use std::ops::Range;

use super::split;
use crate::codec::pages::PAGE;
use crate::codec::placing::{BLOCK, Placing};
use crate::codec::{Stored, TableShape};
use crate::kernel::tight::row::{CODED, CODES, GROUP, LEVELS, PLAIN, Row, RowShape};

/// Symbols that have codes.
pub const SYMBOLS: usize = LEVELS * CODED;
/// Widest row whose levels are counted in one byte each.
const NARROW: usize = 1 << 11;

/// Extents of an index, and what follows from a table's shape alone.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    pub table: TableShape,
    pub placing: Placing,
    pub row: RowShape,
    /// Bytes of each of a row's two counts.
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
        let symbols = counts.checked_add(rows.checked_mul(2 * width)?)?;
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

    /// Bytes of what turns codes into words: symbols and biases.
    pub fn codes_bytes(&self) -> usize {
        self.end - self.symbols
    }

    /// Length of a payload whose last row ends at `end`.
    pub fn filled(&self, end: usize) -> usize {
        self.placing.filled(end, self.row.guard())
    }

    const fn most(&self) -> usize {
        (1 << (8 * self.width)) - 1
    }

    /// Whether a row may be coded so: its counts can be told, it has no more codes than words, and is shorter than
    /// a plain one.
    pub fn holds_row(&self, row: Row) -> bool {
        row.second < self.most()
            && row.third <= self.most()
            && row.second <= CODES * self.row.groups()
            && row.length(self.row) < 2 * self.table.dim
    }

    /// A row's counts as stored.
    pub fn count(&self, row: Row) -> impl Iterator<Item = u8> + use<> {
        let [second, third] =
            [row.second.min(self.most()), row.third].map(|count| (count as u16).to_le_bytes());
        let width = self.width;
        second.into_iter().take(width).chain(third.into_iter().take(width))
    }

    /// Bytes of a row.
    pub fn length(&self, row: Row) -> usize {
        if row.is_plain() { 2 * self.table.dim } else { row.length(self.row) }
    }

    /// What the index says of a row; as if it lay at the payload's beginning.
    pub fn alone(&self, stored: Stored<'_>, row: usize) -> Row {
        let at = self.counts + row * 2 * self.width;
        let (second, third) = match stored.index[at..at + 2 * self.width] {
            [second, third] => (usize::from(second), usize::from(third)),
            [a, b, c, d] => {
                (usize::from(u16::from_le_bytes([a, b])), usize::from(u16::from_le_bytes([c, d])))
            }
            _ => unreachable!("a count has one byte or two"),
        };
        Row { at: 0, second: if second == self.most() { PLAIN } else { second }, third }
    }

    /// Registers of codes that nine rows of ten have at most, in the second level and in the third. The others take
    /// longer, and each register more costs all rows.
    pub fn usual(&self, stored: Stored<'_>) -> [usize; 2] {
        let rows = (0..self.rows()).map(|row| self.alone(stored, row)).filter(|row| !row.is_plain());
        // A byte of the third level has some 5 codes in 2, since symbols take bytes, too.
        let registers = |row: Row| [row.second.div_ceil(CODES), (5 * row.third).div_ceil(2 * GROUP)];
        let rows: Vec<[usize; 2]> = rows.map(registers).collect();
        std::array::from_fn(|level| {
            let mut counts = vec![0_usize; self.row.groups() + 1];
            rows.iter().for_each(|registers| counts[registers[level].min(self.row.groups())] += 1);
            let mut left = rows.len();
            let usual = counts.iter().position(|count| {
                left -= count;
                left <= rows.len() / 10
            });
            usual.unwrap_or(0)
        })
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

    /// Symbols and biases.
    pub fn codes<'a>(&self, stored: Stored<'a>) -> (&'a [u8], &'a [u8]) {
        stored.index[self.symbols..self.end].split_at(SYMBOLS)
    }

    /// Asks memory for what [`Index::row`] will read.
    pub fn ask(&self, stored: Stored<'_>, row: usize) {
        crate::kernel::prefetch(&stored.index[self.counts + row / BLOCK * BLOCK * 2 * self.width..][..1]);
        crate::kernel::prefetch(&stored.index[row / BLOCK * 8..][..8]);
    }

    /// Where a row lies: a few steps from the beginning of its block.
    pub fn row(&self, stored: Stored<'_>, row: usize) -> Row {
        let first = row / BLOCK * BLOCK;
        let start = self.block(stored, row / BLOCK) as usize;
        let alone = self.alone(stored, row);
        if self.placing != Placing::DENSE {
            let before = (first..row).map(|before| self.length(self.alone(stored, before)));
            return Row { at: self.placing.begin_in_block(start, before, self.length(alone)), ..alone };
        }
        // Where counts are bytes, four rows at a time.
        let fours = if self.width == 1 { (row - first) / 4 } else { 0 };
        let counts = stored.index[self.counts + 2 * self.width * first..][..8 * fours].as_chunks::<8>().0;
        let mut at = start;
        for four in counts {
            at += self.bytes_of_four(u64::from_le_bytes(*four));
        }
        for row in first + 4 * fours..row {
            at += self.length(self.alone(stored, row));
        }
        Row { at, ..alone }
    }

    /// Bytes of four rows, given their counts of a byte each.
    fn bytes_of_four(&self, counts: u64) -> usize {
        const EVEN: u64 = 0x00ff_00ff_00ff_00ff;
        let pairs = (counts & EVEN) + (counts >> 8 & EVEN);
        let sum = (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize;
        // A first count is 255 when adding 1 to its lower seven bits carries into the eighth, and that is set.
        let carries = (counts & 0x007f_007f_007f_007f) + 0x0001_0001_0001_0001;
        let plain = (carries & counts & 0x0080_0080_0080_0080).count_ones() as usize;
        // The second count of a plain row is 0.
        sum + (4 - plain) * self.row.coded() + plain * 2 * self.table.dim - 255 * plain
    }

    /// Where rows that follow each other lie.
    pub fn run(&self, stored: Stored<'_>, rows: Range<usize>, out: &mut Vec<Row>) {
        out.clear();
        let Some(first) = (!rows.is_empty()).then(|| self.row(stored, rows.start).at) else { return };
        let mut end = None;
        out.extend(rows.map(|row| {
            let row = self.alone(stored, row);
            let length = self.length(row);
            let at = end.map_or(first, |end| self.placing.begin(end, length));
            end = Some(at + length);
            Row { at, ..row }
        }));
    }

    /// Whether rows lie where the index says, and fill the payload: row arithmetic cannot fail after this.
    pub fn holds(&self, stored: Stored<'_>) -> bool {
        let mut end = 0_usize;
        for id in 0..self.rows() {
            let row = self.alone(stored, id);
            let fits = if row.is_plain() { row.third == 0 } else { self.holds_row(row) };
            let length = self.length(row);
            let at = self.placing.begin(end, length);
            if !fits || id % BLOCK == 0 && self.block(stored, id / BLOCK) != at as u64 {
                return false;
            }
            match at.checked_add(length).filter(|&end| end <= stored.payload.len()) {
                Some(after) => end = after,
                None => return false,
            }
        }
        self.filled(end) == stored.payload.len() && stored.payload[end..].iter().all(|&byte| byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;

    #[test]
    fn rows_lie_where_steps_from_row_to_row_lead() {
        let lines = Placing { align: 64, page: 4096 };
        for (dim, placing) in [
            (640, Placing::DENSE),
            (160, Placing::DENSE),
            (1, Placing::DENSE),
            (20_000, Placing::DENSE),
            (640, Placing::PAGES),
            (160, lines),
            (20_000, lines),
        ] {
            let table = TableShape { dtype: Dtype::Bf16, rows: 331, dim };
            let index = Index::new(table, placing, 0).expect("small");
            let counted = |row: usize| match row % 17 {
                3 => Row { at: 0, second: PLAIN, third: 0 },
                _ => Row { at: 0, second: row * row % 255, third: row * 77 % 256 },
            };
            let mut bytes = vec![0; index.bytes()];
            let (mut end, mut expected) = (0, Vec::new());
            for row in 0..table.rows {
                let length = index.length(counted(row));
                let at = placing.begin(end, length);
                if row % BLOCK == 0 {
                    bytes[row / BLOCK * 8..][..8].copy_from_slice(&(at as u64).to_le_bytes());
                }
                for (i, byte) in index.count(counted(row)).enumerate() {
                    bytes[index.counts + row * 2 * index.width + i] = byte;
                }
                expected.push(Row { at, ..counted(row) });
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
