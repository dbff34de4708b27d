//! Exponents of some rows of a table, column by column: what codecs choose their symbols from.

use super::{Source, TableShape};
use crate::dtype::Dtype;
use crate::error::Result;

/// Rows that a choice looks at, evenly spread: enough for any histogram, few enough to cost nothing.
const ROWS: usize = 8192;

/// Words read at a time, at least one row.
const PART: usize = 1 << 18;

fn rows_of_part(dim: usize) -> usize {
    (PART / dim.max(1)).max(1)
}

/// Bits of the exponent of a word.
pub const fn exponent_bits(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::Bf16 => 8,
        Dtype::F16 => 5,
    }
}

/// Exponents of a column and how often each stands there; one may be listed more than once.
pub type Column = [(usize, u64)];

/// Exponents of the sample by column: counted where rows are many, one by one where they are few. So they
/// take no more memory than the table, however wide its rows.
pub struct Columns {
    dim: usize,
    of: Exponents,
}

enum Exponents {
    /// Of each column, the number of each exponent. A sample has at most [`ROWS`] of them.
    Counts { counts: Vec<u16>, size: usize },
    /// Row after row.
    List(Vec<u8>),
}

impl Columns {
    /// Looks at some rows.
    ///
    /// # Errors
    /// Those of `words`.
    pub fn sample(shape: TableShape, words: &dyn Source) -> Result<Columns> {
        let size = 1 << exponent_bits(shape.dtype);
        let step = shape.rows.div_ceil(ROWS).max(1);
        let sample: Vec<usize> = (0..shape.rows).step_by(step).collect();
        let mut columns = Columns::new(sample.len(), shape.dim, size);
        let mut some = Vec::new();
        for ids in sample.chunks(rows_of_part(shape.dim)) {
            some.resize(ids.len() * shape.dim, 0);
            words.rows(ids, shape.dim, &mut some)?;
            for row in some.chunks_exact(shape.dim.max(1)) {
                columns.add(row.iter().map(|&word| shape.dtype.exponent(word) as u8));
            }
        }
        Ok(columns)
    }

    fn new(rows: usize, dim: usize, size: usize) -> Columns {
        let of = match rows < size {
            true => Exponents::List(Vec::with_capacity(rows * dim)),
            false => Exponents::Counts { counts: vec![0; size * dim], size },
        };
        Columns { dim, of }
    }

    fn add(&mut self, row: impl Iterator<Item = u8>) {
        match &mut self.of {
            Exponents::List(all) => all.extend(row),
            Exponents::Counts { counts, size } => {
                for (exponent, column) in row.zip(counts.chunks_exact_mut(*size)) {
                    column[usize::from(exponent)] += 1;
                }
            }
        }
    }

    /// Asks something of each column, given its number.
    pub fn map<T>(&self, mut of_column: impl FnMut(usize, &Column) -> T) -> Vec<T> {
        let mut column = Vec::new();
        let each = |at: usize| {
            column.clear();
            match &self.of {
                Exponents::List(all) => {
                    column.extend(
                        all.iter().skip(at).step_by(self.dim).map(|&exponent| (usize::from(exponent), 1)),
                    );
                }
                Exponents::Counts { counts, size } => {
                    let counts = counts[at * size..][..*size].iter().map(|&n| u64::from(n));
                    column.extend(counts.enumerate().filter(|&(_, n)| n > 0));
                }
            }
            of_column(at, &column)
        };
        (0..self.dim).map(each).collect()
    }
}
