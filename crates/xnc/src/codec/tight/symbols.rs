//! Choosing the codes of a table: which symbols have one, and a bias for each column.

use super::split;
use crate::codec::columns::{Column, Columns, exponent_bits};
use crate::codec::{Source, TableShape};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::tight::row::{CODED, LEVELS};

/// Bits of a code, and of a symbol that none names.
const CODE: u64 = 2;
const UNNAMED: u64 = 8;

/// Steps of the search; it ends by itself well before.
const STEPS: usize = 20;

/// The codes of a table.
#[derive(Clone)]
pub struct Fit {
    levels: [[u8; 1 + CODED]; LEVELS],
    bias: Vec<u8>,
}

impl Fit {
    /// Symbols by level and code, commonest first, as upper bytes have them.
    pub fn levels(&self) -> [[u8; 1 + CODED]; LEVELS] {
        self.levels
    }

    /// Bias of each column, as upper bytes have it.
    pub fn bias(&self) -> &[u8] {
        &self.bias
    }

    #[cfg(test)]
    pub(super) fn of(levels: [[u8; 1 + CODED]; LEVELS], bias: Vec<u8>) -> Fit {
        Fit { levels, bias }
    }

    /// Looks at some rows. Alternates between the best symbols for given biases and the best biases for given
    /// symbols, each a step down in bits.
    ///
    /// # Errors
    /// Those of `words`.
    pub fn new(shape: TableShape, words: &dyn Source) -> Result<Fit> {
        let columns = Columns::sample(shape, words)?;
        let field = Field::of(shape.dtype);
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
        let planes = split(shape.dtype).planes();
        let mut levels = [[0; 1 + CODED]; LEVELS];
        for (symbol, &rank) in ranks.iter().enumerate().filter(|&(_, &rank)| rank < LEVELS * CODED) {
            levels[rank / CODED][1 + rank % CODED] = (symbol as u8) << planes;
        }
        Ok(Fit { levels, bias: bias.iter().map(|bias| bias << planes).collect() })
    }
}

/// The exponent of words.
struct Field {
    symbols: usize,
    /// Where the mean exponent of a column goes: far from both ends.
    middle: u64,
}

impl Field {
    fn of(dtype: Dtype) -> Field {
        Field { symbols: 1 << exponent_bits(dtype), middle: if dtype == Dtype::Bf16 { 120 } else { 14 } }
    }

    /// Symbol of an exponent under a bias.
    fn symbol(&self, exponent: usize, bias: u8) -> usize {
        exponent.wrapping_sub(usize::from(bias)) % self.symbols
    }

    fn center(&self, column: &Column) -> u8 {
        let total: u64 = column.iter().map(|&(_, n)| n).sum();
        let sum: u64 = column.iter().map(|&(exponent, n)| exponent as u64 * n).sum();
        (((sum + total / 2) / total.max(1)).wrapping_sub(self.middle) % self.symbols as u64) as u8
    }

    /// Rank of each symbol, commonest first; equals in order, so that the same table always gives the same file.
    fn ranks(&self, columns: &Columns, bias: &[u8]) -> Vec<usize> {
        let mut counts = vec![0_u64; self.symbols];
        columns.map(|at, column| {
            column.iter().for_each(|&(exponent, n)| counts[self.symbol(exponent, bias[at])] += n);
        });
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&symbol| std::cmp::Reverse(counts[symbol]));
        let mut ranks = vec![0; counts.len()];
        order.into_iter().enumerate().for_each(|(rank, symbol)| ranks[symbol] = rank);
        ranks
    }

    /// Bits that the symbols of a column take.
    fn cost(&self, column: &Column, bias: u8, ranks: &[usize]) -> u64 {
        let cost = |exponent: usize| match ranks[self.symbol(exponent, bias)] / CODED {
            level if level < LEVELS => CODE * (1 + level as u64),
            _ => CODE * LEVELS as u64 + UNNAMED,
        };
        column.iter().map(|&(exponent, n)| n * cost(exponent)).sum()
    }

    /// The cheapest bias near the present one.
    fn improve(&self, column: &Column, bias: u8, ranks: &[usize]) -> u8 {
        // The present one first: it stays when others only equal it.
        let near = [0, 1, -1, 2, -2, 3, -3_i8]
            .map(|by| (u64::from(bias.wrapping_add_signed(by)) % self.symbols as u64) as u8);
        near.into_iter().min_by_key(|&candidate| self.cost(column, candidate, ranks)).unwrap_or(bias)
    }
}
