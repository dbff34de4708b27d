//! What all rows of a table share, laid out for the kernels.

use super::PIECES;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vectors::Laid;

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
    /// Row `j`, at `j * dim`, holds the coefficients of the earlier dimensions `0..j`. Empty where nothing is
    /// predicted.
    pub(super) coef: Vec<i16>,
    /// Distribution of the residual's magnitude: cumulative slots at the piece boundaries.
    pub(super) pieces: [u16; PIECES + 1],
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
        assert!(coef.is_empty() || coef.len() == dim * (dim - 1) / 2);
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
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            vectors: Laid::new(dim, &pieces),
        };
        if !coef.is_empty() {
            tables.coef = vec![0; dim * dim];
            let mut rest = coef;
            for (j, row) in tables.coef.chunks_exact_mut(dim).enumerate() {
                let (own, more) = rest.split_at(j);
                row.iter_mut().zip(own).for_each(|(to, &c)| *to = i16::from(c));
                rest = more;
            }
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            tables.vectors.predict(&tables.coef, dim);
        }
        tables
    }

    /// Words in a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }
}
