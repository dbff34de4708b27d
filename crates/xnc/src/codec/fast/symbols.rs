//! Choosing the codes of a table: which symbols have one, and a bias for each column.

use super::split;
use crate::codec::columns::{Column, Columns, exponent_bits};
use crate::codec::{Source, TableShape};
use crate::dtype::Dtype;
use crate::error::Result;
use crate::kernel::fast::pack::Codes;

/// Bits of an entry of a list; and what a word costs that none names, which makes its row plain.
const RARE: u64 = 16;
const UNNAMED: u64 = 400;

/// Symbols that have a rank, and symbols that lists can name besides.
const RANKED: usize = 4;
const NAMED: usize = 15;
const CODED: usize = RANKED + NAMED;

/// Steps of the search; it ends by itself well before.
const STEPS: usize = 20;

/// The codes of a table.
#[derive(Clone)]
pub struct Fit {
    codes: Codes,
    rare: [u8; NAMED],
    bias: Vec<u8>,
}

impl Fit {
    /// Symbols that have a rank, commonest first, and the phase.
    pub fn codes(&self) -> Codes {
        self.codes
    }

    /// Symbols that lists name, commonest first.
    pub fn rare(&self) -> &[u8; NAMED] {
        &self.rare
    }

    /// Bias of each column, as upper bytes have it.
    pub fn bias(&self) -> &[u8] {
        &self.bias
    }

    #[cfg(test)]
    pub(super) fn of(ranked: [u8; RANKED], rare: [u8; NAMED], bias: Vec<u8>) -> Fit {
        Fit { codes: Codes { ranked, phase: 0 }, rare, bias }
    }

    /// Looks at some rows. For either way of pairing exponents, alternates between the best symbols for given
    /// biases and the best biases for given symbols, each a step down in bits; the cheaper pairing counts.
    ///
    /// # Errors
    /// Those of `words`.
    pub fn new(shape: TableShape, words: &dyn Source) -> Result<Fit> {
        let columns = Columns::sample(shape, words)?;
        let [even, odd] = [0, 1].map(|phase| Field::of(shape.dtype, phase).search(&columns));
        let (phase, search) = if odd.bits < even.bits { (1, odd) } else { (0, even) };
        let planes = split(shape.dtype).planes();
        let (mut ranked, mut rare) = ([0; RANKED], [0; NAMED]);
        for (symbol, &rank) in search.ranks.iter().enumerate() {
            let slot = ranked.get_mut(rank).or_else(|| rare.get_mut(rank.wrapping_sub(RANKED)));
            slot.into_iter().for_each(|slot| *slot = (symbol as u8) << planes);
        }
        let codes = Codes { ranked, phase: phase << shape.dtype.mantissa_bits() };
        Ok(Fit { codes, rare, bias: search.bias.iter().map(|bias| bias << planes).collect() })
    }
}

/// The exponent field of the coded words, and how exponents pair.
struct Field {
    bits: u32,
    /// 0 when an even exponent shares its symbol with the next one, 1 when with the one before.
    phase: usize,
    /// Where the mean symbol of a column goes: far from both ends.
    middle: u64,
}

/// What a search found: a bias for each column, a rank for each symbol, the bits that these take.
struct Search {
    bias: Vec<u8>,
    ranks: Vec<usize>,
    bits: u64,
}

impl Field {
    fn of(dtype: Dtype, phase: usize) -> Field {
        let bits = exponent_bits(dtype);
        Field { bits, phase, middle: if dtype == Dtype::Bf16 { 60 } else { 7 } }
    }

    fn symbols(&self) -> usize {
        1 << (self.bits - 1)
    }

    /// Symbol of an exponent under a bias: all but the lowest bit, less the bias.
    fn symbol(&self, exponent: usize, bias: u8) -> usize {
        ((exponent + self.phase) / 2).wrapping_sub(usize::from(bias)) % self.symbols()
    }

    fn search(&self, columns: &Columns) -> Search {
        let mut bias = columns.map(|_, column| self.center(column));
        let mut ranks = self.ranks(columns, &bias);
        for _ in 0..STEPS {
            let better = columns.map(|at, column| self.improve(column, bias[at], &ranks));
            if better == bias {
                break;
            }
            bias = better;
            ranks = self.ranks(columns, &bias);
        }
        let bits = columns.map(|at, column| self.cost(column, bias[at], &ranks)).into_iter().sum();
        Search { bias, ranks, bits }
    }

    fn center(&self, column: &Column) -> u8 {
        let total: u64 = column.iter().map(|&(_, n)| n).sum();
        let sum: u64 = column.iter().map(|&(exponent, n)| (exponent + self.phase) as u64 / 2 * n).sum();
        ((sum + total / 2) / total.max(1)).wrapping_sub(self.middle) as u8 % self.symbols() as u8
    }

    /// Rank of each symbol, commonest first; equals in order, so that the same table always gives the same file.
    fn ranks(&self, columns: &Columns, bias: &[u8]) -> Vec<usize> {
        let mut counts = vec![0_u64; self.symbols()];
        columns.map(|at, column| {
            column.iter().for_each(|&(exponent, n)| counts[self.symbol(exponent, bias[at])] += n);
        });
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&symbol| std::cmp::Reverse(counts[symbol]));
        let mut ranks = vec![0; counts.len()];
        order.into_iter().enumerate().for_each(|(rank, symbol)| ranks[symbol] = rank);
        ranks
    }

    /// Bits that a column takes besides those that every word takes.
    fn cost(&self, column: &Column, bias: u8, ranks: &[usize]) -> u64 {
        let cost = |exponent: usize| match ranks[self.symbol(exponent, bias)] {
            0..RANKED => 0,
            RANKED..CODED => RARE,
            _ => UNNAMED,
        };
        column.iter().map(|&(exponent, n)| n * cost(exponent)).sum()
    }

    /// The cheapest bias near the present one.
    fn improve(&self, column: &Column, bias: u8, ranks: &[usize]) -> u8 {
        // The present one first: it stays when others only equal it.
        let near = [0, 1, -1, 2, -2_i8].map(|by| bias.wrapping_add_signed(by) % self.symbols() as u8);
        near.into_iter().min_by_key(|&candidate| self.cost(column, candidate, ranks)).unwrap_or(bias)
    }
}
