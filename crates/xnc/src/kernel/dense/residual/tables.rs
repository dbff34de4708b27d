//! What all rows of a table share, laid out for the kernels.

use super::PIECES;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vectors::Laid;

/// Slots on either side of a prediction, rounded up to a power of two.
pub const GUESSES: usize = 1 << 15;

/// Dimensions whose coefficients a loop over one row reads at once.
pub const BLOCK: usize = 16;

/// Coefficients of all dimensions before `j`.
#[inline(always)]
pub const fn triangle(j: usize) -> usize {
    j * j.saturating_sub(1) / 2
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Mean in units of a row with octave 0.
    pub mean: i32,
    /// Exponent field of a value of one unit in a row with octave 0.
    pub unit: i16,
    /// Scale in units, 2^12 to 2^13 - 1.
    pub scale: u16,
    /// Fraction bits of the coefficients that predict this column, up to 7.
    pub shift: u8,
}

/// Columns, coefficients and distribution, expanded for decoding. Fields only change together.
pub struct Tables {
    /// Stored mantissa bits of a word: 7 for BF16, 10 for FP16.
    pub(super) mantissa: u32,
    pub(super) mean: Vec<i32>,
    pub(super) scale: Vec<i32>,
    pub(super) inverse: Vec<i32>,
    pub(super) unit: Vec<i32>,
    pub(super) shift: Vec<u32>,
    /// The coefficients of the dimensions before each one, `0..j` of dimension `j`, one after another; [`BLOCK`]
    /// zeros follow. Empty where nothing is predicted.
    pub(super) coef: Vec<i8>,
    /// Distribution of the residual's magnitude: cumulative slots at the piece boundaries.
    pub(super) pieces: [u16; PIECES + 1],
    /// The distribution inverted, for a first guess: where the slots after this one begin, in 2^-27
    /// deviations.
    pub(super) guess: Box<[f32; GUESSES]>,
    /// The same for rows side by side.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    pub(super) vectors: Laid,
}

impl Tables {
    /// Lays out `columns`; `coef` holds `0..j` coefficients for each column `j`, one after another, or
    /// nothing at all.
    ///
    /// # Panics
    /// If a scale or shift is out of range, `coef` has another length, or `pieces` falls or passes 32764.
    pub fn new(mantissa: u32, columns: &[Column], coef: &[i8], pieces: [u16; PIECES + 1]) -> Tables {
        let dim = columns.len();
        assert!(columns.iter().all(|c| (1 << 12..1 << 13).contains(&c.scale) && c.shift <= 7));
        assert!(coef.is_empty() || coef.len() == triangle(dim));
        assert!(pieces.is_sorted() && pieces[0] == 0 && pieces[PIECES] <= 32764);
        let mut tables = Tables {
            mantissa,
            mean: columns.iter().map(|c| c.mean).collect(),
            scale: columns.iter().map(|c| i32::from(c.scale)).collect(),
            inverse: columns.iter().map(|c| (1 << 27) / i32::from(c.scale)).collect(),
            unit: columns.iter().map(|c| i32::from(c.unit)).collect(),
            shift: columns.iter().map(|c| u32::from(c.shift)).collect(),
            coef: Vec::new(),
            pieces,
            guess: guess(&pieces),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            vectors: Laid::new(dim, &pieces),
        };
        if !coef.is_empty() {
            tables.coef = [coef, &[0; BLOCK]].concat();
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            tables.vectors.predict(coef, dim);
        }
        tables
    }

    /// The coefficients of the dimensions before `j`, and behind them those of later ones, a block at least; nothing
    /// where nothing is predicted.
    #[inline(always)]
    pub(super) fn coef_of(&self, j: usize) -> &[i8] {
        &self.coef[triangle(j).min(self.coef.len())..]
    }

    /// Words in a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }
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
