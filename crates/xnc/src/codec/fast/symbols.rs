//! Choosing the codes of a table: which symbols have one, and a bias for each column.

use super::word_form;
use crate::codec::{Source, TableShape};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::fast::pack::Tops;

/// Rows that the choice looks at, evenly spread: enough for any histogram, few enough to cost nothing.
const ROWS: usize = 8192;

/// Words read at a time for the choice, at least one row.
const PART: usize = 1 << 18;

/// Bits that the rank of a symbol costs besides those that every word takes; the last for a symbol without a code.
const COST: [u64; 8] = [1, 2, 3, 5, 5, 5, 5, 25];

/// Steps of the search; it ends by itself well before.
const STEPS: usize = 20;

fn rows_of_part(dim: usize) -> usize {
    (PART / dim.max(1)).max(1)
}

/// The codes of a table.
pub struct Fit {
    tops: Tops,
    bias: Vec<u8>,
}

impl Fit {
    /// Upper bytes that have a code, commonest first.
    pub fn tops(&self) -> &Tops {
        &self.tops
    }

    /// Bias of each column, in steps of the exponent field.
    pub fn bias(&self) -> &[u8] {
        &self.bias
    }

    #[cfg(test)]
    pub(super) fn of(tops: Tops, bias: Vec<u8>) -> Fit {
        Fit { tops, bias }
    }

    /// Looks at some rows. Alternates between the best symbols for given biases and the best biases for given
    /// symbols, each a step down in bits.
    ///
    /// # Errors
    /// Those of `words`.
    pub fn new(shape: TableShape, words: &dyn Source) -> Result<Fit> {
        let field = Field::of(shape.dtype);
        let step = shape.rows.div_ceil(ROWS).max(1);
        let sample: Vec<usize> = (0..shape.rows).step_by(step).collect();
        let mut columns = Columns::new(sample.len(), shape.dim, field.size());
        let mut some = Vec::new();
        for ids in sample.chunks(rows_of_part(shape.dim)) {
            some.resize(ids.len() * shape.dim, 0);
            words.rows(ids, shape.dim, &mut some)?;
            for row in some.chunks_exact(shape.dim.max(1)) {
                columns.add(row.iter().map(|&word| shape.dtype.exponent(word) as u8));
            }
        }
        let mut bias = columns.map(|_, column| field.center(column));
        let mut ranks = field.ranks(&columns, &bias);
        for _ in 0..STEPS {
            let better = columns.map(|at, column| field.improve(column, bias[at], &ranks));
            if better == bias {
                break;
            }
            bias = better;
            ranks = field.ranks(&columns, &bias);
        }
        let mut tops: Tops = [0; 7];
        for (symbol, &rank) in ranks.iter().enumerate().filter(|&(_, &rank)| rank < 7) {
            tops[rank] = (symbol as u8) << word_form(shape.dtype).planes();
        }
        Ok(Fit { tops, bias })
    }
}

/// Exponents of a column and how often each stands there; one may be listed more than once.
type Column = [(usize, u64)];

/// Exponents of the sample by column: counted where rows are many, one by one where they are few. So they
/// take no more memory than the table, however wide its rows.
struct Columns {
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

    fn map<T>(&self, mut of_column: impl FnMut(usize, &Column) -> T) -> Vec<T> {
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

/// The exponent field of the coded words.
struct Field {
    bits: u32,
    /// Where the mean of a column goes: far from both ends.
    middle: u64,
}

impl Field {
    fn of(dtype: Dtype) -> Field {
        match dtype {
            Dtype::Bf16 => Field { bits: 8, middle: 120 },
            Dtype::F16 => Field { bits: 5, middle: 15 },
        }
    }

    fn size(&self) -> usize {
        1 << self.bits
    }

    /// Symbol of an exponent under a bias: all but the lowest bit of the difference.
    fn symbol(&self, exponent: usize, bias: u8) -> usize {
        exponent.wrapping_sub(usize::from(bias)) % self.size() / 2
    }

    fn center(&self, column: &Column) -> u8 {
        let total: u64 = column.iter().map(|&(_, n)| n).sum();
        let sum: u64 = column.iter().map(|&(exponent, n)| exponent as u64 * n).sum();
        ((sum + total / 2) / total.max(1)).wrapping_sub(self.middle) as u8
    }

    /// Rank of each symbol, commonest first; equals in order, so that the same table always gives the same file.
    fn ranks(&self, columns: &Columns, bias: &[u8]) -> Vec<usize> {
        let mut counts = vec![0_u64; self.size() / 2];
        columns.map(|at, column| {
            column.iter().for_each(|&(exponent, n)| counts[self.symbol(exponent, bias[at])] += n);
        });
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&symbol| std::cmp::Reverse(counts[symbol]));
        let mut ranks = vec![0; counts.len()];
        order.into_iter().enumerate().for_each(|(rank, symbol)| ranks[symbol] = rank);
        ranks
    }

    /// The cheapest bias near the present one.
    fn improve(&self, column: &Column, bias: u8, ranks: &[usize]) -> u8 {
        let bits = |&candidate: &u8| -> u64 {
            let cost = |exponent: usize| COST[ranks[self.symbol(exponent, candidate)].min(7)];
            column.iter().map(|&(exponent, n)| n * cost(exponent)).sum()
        };
        // The present one first: it stays when others only equal it.
        let near = [0, 1, -1, 2, -2, 3, -3_i8].map(|by| bias.wrapping_add_signed(by));
        near.into_iter().min_by_key(bits).unwrap_or(bias)
    }
}
