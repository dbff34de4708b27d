//! One row: words to bytes. `spec/fast.md`, sections 3 and 4.

use super::split;
use super::symbols::Fit;
use crate::dtype::Dtype;
use crate::kernel::Backend;
use crate::kernel::fast::pack::{self, Codes, Packed};
use crate::kernel::fast::row::{ENTRY, GROUP, LONGEST, PLAIN, RowShape, STEP, rank_bit};

/// Encodes rows one after another.
pub struct Encoder<'a> {
    backend: Backend,
    shape: RowShape,
    most_listed: usize,
    codes: Codes,
    /// By place.
    bias: &'a [u8],
    /// Code of each symbol that lists name.
    named: [Option<u8>; 128],
    /// Groups of the row at hand, and the list that will stand before them.
    groups: Vec<u8>,
    list: Vec<[u8; ENTRY]>,
}

impl<'a> Encoder<'a> {
    /// For rows of a table whose biases, by place, are `bias`.
    pub fn new(backend: Backend, dtype: Dtype, most_listed: usize, fit: &Fit, bias: &'a [u8]) -> Self {
        let mut named = [None; 128];
        // The first of equals; a table with few symbols repeats some.
        for (code, &symbol) in fit.rare().iter().enumerate().rev() {
            named[usize::from(symbol)] = Some(code as u8);
        }
        let shape = RowShape { dim: bias.len(), split: split(dtype) };
        let (groups, list) = (Vec::new(), Vec::new());
        Encoder { backend, shape, most_listed, codes: fit.codes(), bias, named, groups, list }
    }

    /// Appends a row to `out`; returns how many entries it lists, or [`PLAIN`].
    pub fn add(&mut self, words: &[u16], out: &mut Vec<u8>) -> usize {
        if !self.code(words) {
            words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
            return PLAIN;
        }
        out.extend_from_slice(self.list.as_flattened());
        out.extend_from_slice(&self.groups);
        self.list.len()
    }

    /// False when the row lists too much, or words that no code names, or gains nothing.
    fn code(&mut self, words: &[u16]) -> bool {
        self.groups.clear();
        self.list.clear();
        let (groups, tail) = words.as_chunks::<GROUP>();
        let (biases, tail_bias) = self.bias.as_chunks::<GROUP>();
        let mut next = 0;
        for (number, (words, bias)) in groups.iter().zip(biases).enumerate() {
            let packed = pack::group(self.backend, self.shape.split, self.codes, bias, words);
            self.groups.extend_from_slice(&packed.ranks);
            for plane in &packed.planes()[..1 + self.shape.split.planes()] {
                self.groups.extend_from_slice(&transposed(*plane).to_le_bytes());
            }
            self.groups.extend_from_slice(&packed.lower);
            if !self.list(&packed, number * GROUP, &mut next) {
                return false;
            }
        }
        if !tail.is_empty() {
            let packed = pack::tail(self.backend, self.shape.split, self.codes, tail_bias, tail);
            self.add_tail(&packed, tail.len());
            if !self.list(&packed, self.shape.full(), &mut next) {
                return false;
            }
        }
        ENTRY * self.list.len() + self.groups.len() < 2 * words.len()
    }

    fn add_tail(&mut self, packed: &Packed, words: usize) {
        let rank = |p: usize| if p < words { packed.ranks[p % 16] >> rank_bit(p) & 3 } else { 0 };
        let ranks = (0..words).step_by(4).map(|p| (0..4).map(|k| rank(p + k) << (2 * k)).sum::<u8>());
        self.groups.extend(ranks);
        for bits in &packed.planes()[..1 + self.shape.split.planes()] {
            self.groups.extend_from_slice(&bits.to_le_bytes()[..words.div_ceil(8)]);
        }
        self.groups.extend_from_slice(&packed.lower[..words]);
    }

    /// Lists the rare words of a group whose places count from `from`; `next` is the one after the last entry's.
    fn list(&mut self, packed: &Packed, from: usize, next: &mut usize) -> bool {
        let mut rare = packed.rare;
        while rare != 0 {
            let p = rare.trailing_zeros() as usize;
            rare &= rare - 1;
            let Some(code) = self.named[usize::from(packed.symbols[p])] else { return false };
            let mut step = from + p - *next;
            while step > LONGEST {
                self.list.push(entry(LONGEST, STEP as u8));
                step -= LONGEST + 1;
            }
            self.list.push(entry(step, code));
            *next = from + p + 1;
        }
        self.list.len() <= self.most_listed
    }
}

fn entry(step: usize, code: u8) -> [u8; ENTRY] {
    (step as u16 | u16::from(code) << 12).to_le_bytes()
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
