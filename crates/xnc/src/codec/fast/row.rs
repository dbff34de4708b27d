//! One row: words to bytes. `spec/fast.md`, sections 3 and 4.

use super::split;
use super::symbols::Fit;
use crate::dtype::Dtype;
use crate::kernel::Backend;
use crate::kernel::fast::pack::{self, Packed};
use crate::kernel::fast::row::{GROUP, PLAIN, RowShape, STEP};

/// Encodes rows one after another.
pub struct Encoder<'a> {
    backend: Backend,
    shape: RowShape,
    most_listed: usize,
    fit: &'a Fit,
    bias: Vec<u16>,
    /// Code of each symbol that lists name.
    codes: [Option<u8>; 128],
    /// Groups of the row at hand, and the list that will stand before them.
    groups: Vec<u8>,
    steps: Vec<u8>,
    nibbles: Vec<u8>,
}

impl<'a> Encoder<'a> {
    pub fn new(backend: Backend, dtype: Dtype, dim: usize, most_listed: usize, fit: &'a Fit) -> Self {
        let mut codes = [None; 128];
        // The first of equals; a table with few symbols repeats some.
        for (code, &symbol) in fit.rare().iter().enumerate().rev() {
            codes[usize::from(symbol)] = Some(code as u8);
        }
        let bias = word_bias(dtype, fit.bias());
        debug_assert_eq!(bias.len(), dim);
        let shape = RowShape { dim, split: split(dtype) };
        let (groups, steps, nibbles) = (Vec::new(), Vec::new(), Vec::new());
        Encoder { backend, shape, most_listed, fit, bias, codes, groups, steps, nibbles }
    }

    /// Appends a row to `out`; returns how many entries it lists, or [`PLAIN`].
    pub fn add(&mut self, words: &[u16], out: &mut Vec<u8>) -> usize {
        if !self.code(words) {
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            return PLAIN;
        }
        out.extend_from_slice(&self.steps);
        for pair in self.nibbles.chunks(2) {
            out.push(pair[0] | pair.get(1).map_or(0, |code| code << 4));
        }
        out.extend_from_slice(&self.groups);
        self.steps.len()
    }

    /// False when the row lists too much, or words that no code names, or gains nothing.
    fn code(&mut self, words: &[u16]) -> bool {
        self.groups.clear();
        self.steps.clear();
        self.nibbles.clear();
        let ranked = self.fit.ranked();
        let (groups, tail) = words.as_chunks::<GROUP>();
        let mut last = 0;
        for (number, words) in groups.iter().enumerate() {
            let bias = self.bias.as_chunks().0[number];
            let packed = pack::group(self.backend, self.shape.split, ranked, &bias, words);
            let planes = [packed.sign, packed.kept[0], packed.kept[1], packed.kept[2]];
            self.groups.extend_from_slice(&packed.ranks);
            for plane in &planes[..1 + self.shape.split.planes()] {
                self.groups.extend_from_slice(&transposed(*plane).to_le_bytes());
            }
            self.groups.extend_from_slice(&packed.lower);
            if !self.list(&packed, number * GROUP, &mut last) {
                return false;
            }
        }
        if !tail.is_empty() {
            let full = groups.len() * GROUP;
            let packed = pack::tail(self.shape.split, ranked, &self.bias[full..], tail);
            self.add_tail(&packed, tail.len());
            if !self.list(&packed, full, &mut last) {
                return false;
            }
        }
        self.steps.len() + self.nibbles.len().div_ceil(2) + self.groups.len() < 2 * words.len()
    }

    fn add_tail(&mut self, packed: &Packed, words: usize) {
        let (quarter, plane) = (words.div_ceil(4), words.div_ceil(8));
        let rank = |p: usize| packed.ranks[p % 16] >> (2 * (p / 16)) & 3;
        let ranks = (0..quarter).map(|byte| {
            (0..4).map(|k| if byte + k * quarter < words { rank(byte + k * quarter) << (2 * k) } else { 0 }).sum::<u8>()
        });
        self.groups.extend(ranks);
        let planes = [packed.sign, packed.kept[0], packed.kept[1], packed.kept[2]];
        for bits in &planes[..1 + self.shape.split.planes()] {
            self.groups.extend_from_slice(&bits.to_le_bytes()[..plane]);
        }
        self.groups.extend_from_slice(&packed.lower[..words]);
    }

    /// Lists the rare words of a group whose places count from `from`; `last` is the place of the entry before.
    fn list(&mut self, packed: &Packed, from: usize, last: &mut usize) -> bool {
        let mut rare = packed.rare;
        while rare != 0 {
            let p = rare.trailing_zeros() as usize;
            rare &= rare - 1;
            let Some(code) = self.codes[usize::from(packed.symbols[p])] else { return false };
            let mut step = from + p - *last;
            while step > 255 {
                self.steps.push(255);
                self.nibbles.push(STEP as u8);
                step -= 255;
            }
            self.steps.push(step as u8);
            self.nibbles.push(code);
            *last = from + p;
        }
        self.steps.len() <= self.most_listed
    }
}

/// What a column's bias adds to its words.
pub fn word_bias(dtype: Dtype, bias: &[u8]) -> Vec<u16> {
    bias.iter().map(|&bias| u16::from(bias) << dtype.mantissa_bits()).collect()
}

/// The bit of place `p` goes to bit `8 (p mod 8) + p div 8`: an 8 by 8 transposition.
fn transposed(plane: u64) -> u64 {
    let mut x = plane;
    for (shift, mask) in
        [(7, 0x00aa_00aa_00aa_00aa_u64), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)]
    {
        let swap = (x ^ x >> shift) & mask;
        x ^= swap ^ swap << shift;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::transposed;

    #[test]
    fn planes_are_transposed() {
        for p in 0..64 {
            assert_eq!(transposed(1 << p), 1 << (8 * (p % 8) + p / 8), "{p}");
        }
    }
}
