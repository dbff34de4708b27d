//! What all rows share, as it is stored, and its expansion for the kernels.
use super::numbers::Numbers;
use super::stream::{Pending, Reader};
use super::symbols::Symbols;
use crate::kernel::dense::residual::{Column, PIECES, Tables};

/// Widest row that is predicted from its own dimensions.
pub const PREDICTED: usize = 4096;

/// Columns, coefficients, distributions.
#[derive(Clone)]
pub struct Model {
    /// Stored mantissa bits of a word.
    pub mantissa: u32,
    /// One a dimension.
    pub columns: Vec<Column>,
    /// Coefficients of column `j` on dimensions `0..j`, one column after another; empty where nothing is predicted.
    pub coef: Vec<i8>,
    /// Distribution of the residual's magnitude.
    pub pieces: [u16; PIECES + 1],
    /// Of a row's kind.
    pub kinds: Symbols,
    /// Of a row's scale.
    pub scales: Symbols,
    /// Of a reference's weight.
    pub weights: Symbols,
    /// Of the numbers of the keys that are referred to.
    pub numbers: Numbers,
}

impl Model {
    /// Lays it out for the kernels.
    pub fn expand(&self) -> Tables {
        Tables::new(self.mantissa, &self.columns, &self.coef, self.pieces)
    }

    /// Appends it, as `spec/dense.md` section 4 says.
    pub fn write(&self, out: &mut Vec<u8>) {
        for c in &self.columns {
            out.extend_from_slice(&c.mean.to_le_bytes());
            out.extend_from_slice(&c.unit.to_le_bytes());
            out.extend_from_slice(&(c.scale | (c.shift as u16) << 13).to_le_bytes());
        }
        for k in 0..PIECES {
            out.extend_from_slice(&(self.pieces[k + 1] - self.pieces[k]).to_le_bytes());
        }
        for s in [&self.kinds, &self.scales, &self.weights] {
            s.write(out);
        }
        self.numbers.write(out);
        out.push(!self.coef.is_empty() as u8);
        if !self.coef.is_empty() {
            let mut n = [0u64; 256];
            for &c in &self.coef {
                n[c as u8 as usize] += 1;
            }
            let s = Symbols::fit(&n);
            s.write(out);
            let mut p = Pending::default();
            for &c in &self.coef {
                p.symbol(&s, c as u8);
            }
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            p.finish_whole(out);
            let n = (out.len() - at - 4) as u32;
            out[at..at + 4].copy_from_slice(&n.to_le_bytes());
        }
    }

    /// `None` where the bytes are not a model of `dim` columns.
    pub fn read(dim: usize, mantissa: u32, bytes: &mut &[u8]) -> Option<Model> {
        if dim == 0 || dim > bytes.len() {
            return None;
        }
        let mut columns = Vec::with_capacity(dim);
        for _ in 0..dim {
            let b = bytes.split_off(..8)?;
            let tail = u16::from_le_bytes([b[6], b[7]]);
            let c = Column {
                mean: i32::from_le_bytes([b[0], b[1], b[2], b[3]]),
                unit: i16::from_le_bytes([b[4], b[5]]),
                scale: tail & 0x1fff,
                shift: (tail >> 13) as u8,
            };
            if c.scale < 1 << 12 {
                return None;
            }
            columns.push(c);
        }
        let mut pieces = [0u16; PIECES + 1];
        for k in 0..PIECES {
            let b = bytes.split_off(..2)?;
            pieces[k + 1] = pieces[k].checked_add(u16::from_le_bytes([b[0], b[1]]))?;
        }
        if pieces[PIECES] > 32764 {
            return None;
        }
        let (kinds, scales, weights) = (Symbols::read(bytes)?, Symbols::read(bytes)?, Symbols::read(bytes)?);
        let numbers = Numbers::read(Numbers::PLAIN, bytes)?;
        let mut coef = Vec::new();
        let has_coefficients = bytes.split_off(..1)?[0];
        if has_coefficients > 1 {
            return None;
        }
        if has_coefficients == 1 {
            // Coefficients may take no bits at all, so their number needs a bound of its own.
            if dim > PREDICTED {
                return None;
            }
            let s = Symbols::read(bytes)?;
            let n = bytes.split_off(..4)?;
            let n = u32::from_le_bytes([n[0], n[1], n[2], n[3]]) as usize;
            let mut r = Reader::of_whole(bytes.split_off(..n)?)?;
            coef = (0..dim * (dim - 1) / 2).map(|_| r.symbol(&s) as i8).collect();
            if !r.done() {
                return None;
            }
        }
        Some(Model { mantissa, columns, coef, pieces, kinds, scales, weights, numbers })
    }
}
