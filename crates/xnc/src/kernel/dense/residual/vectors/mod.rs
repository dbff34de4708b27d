//! What loops over rows side by side have in common: how the table and the rows lie for them.

pub mod dots;
pub mod rows;
pub mod scratch;

use super::PIECES;
use dots::Dots;

/// Most rows side by side, of any backend.
pub const LANES: usize = 64;
/// Widest row that is decoded beside others: all their streams are in reach of 32-bit offsets.
pub const WIDEST: usize = 1 << 20;
/// A table's coefficients and distribution, laid out for vectors of rows.
pub struct Laid {
    /// The coefficients.
    pub dots: Dots,
    /// Bytes of the start of each piece, low and high, and of its width, low and high.
    pub planes: [[u8; PIECES]; 4],
}

impl Laid {
    /// Where nothing is predicted.
    pub fn new(dim: usize, pieces: &[u16; PIECES + 1]) -> Laid {
        let planes = std::array::from_fn(|plane| {
            std::array::from_fn(|k| {
                let [low, high] = [pieces[k], pieces[k + 1] - pieces[k]][plane / 2].to_le_bytes();
                [low, high][plane % 2]
            })
        });
        Laid { dots: Dots::none(dim), planes }
    }

    /// Takes the coefficients, `0..j` for each dimension `j`.
    pub fn predict(&mut self, coef: &[i8], dim: usize) {
        self.dots = Dots::new(coef, dim);
    }
}

/// Whether so many rows of so many words go side by side.
pub fn suit(dim: usize, rows: usize) -> bool {
    rows > 1 && dim <= WIDEST
}
