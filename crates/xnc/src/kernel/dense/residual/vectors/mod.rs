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
/// Slots on either side of a prediction, rounded up to a power of two.
pub const GUESSES: usize = 1 << 15;

/// A table's coefficients and distribution, laid out for vectors of rows.
pub struct Laid {
    /// The coefficients.
    pub dots: Dots,
    /// Bytes of the start of each piece, low and high, and of its width, low and high.
    pub planes: [[u8; PIECES]; 4],
    /// The distribution inverted, for a first guess: where the slots after this one begin, in 2^-27
    /// deviations.
    pub guess: Box<[f32; GUESSES]>,
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
        Laid { dots: Dots::none(dim), planes, guess: guess(pieces) }
    }

    /// Takes the coefficients of the dimensions, `dim` for each.
    pub fn predict(&mut self, coef: &[i16], dim: usize) {
        self.dots = Dots::new(coef, dim);
    }
}

/// Whether so many rows of so many words go side by side. One row alone is decoded by the portable loop.
pub fn suit(dim: usize, rows: usize) -> bool {
    rows > 1 && dim <= WIDEST
}

/// Only a guess: what is decoded does not depend on it. It is right but for what rounding to `f32` does.
fn guess(pieces: &[u16; PIECES + 1]) -> Box<[f32; GUESSES]> {
    let mut far = Box::new([0.0; GUESSES]);
    for k in 0..PIECES {
        let (low, width) = (u32::from(pieces[k]), u32::from(pieces[k + 1] - pieces[k]));
        for slot in low..low + width {
            // The smallest distance whose slot lies beyond, less a little, so that cutting off the fraction
            // ends before it: four times what rounding takes from any of the three factors of a guess.
            let first = (k as u32) << 13 | ((slot + 1 - low) << 13).div_ceil(width);
            far[slot as usize] = (f64::from(first) * 2048.0 * (1.0 - f64::from(f32::EPSILON) * 2.0)) as f32;
        }
    }
    far
}
