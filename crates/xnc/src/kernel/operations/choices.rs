//! Any bytes, read as choices of what an operation is given.

use crate::kernel::fast::row::GROUP;
use crate::kernel::xnc::decode::Block;

/// Reads choices. There is no end: after the last byte all come again, turned by a bit a round; without any,
/// all choices are 0.
#[derive(Clone)]
pub struct Choices<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> Choices<'a> {
    /// Choices from `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes, read: 0 }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some(round) = self.read.checked_div(self.bytes.len()) else { return 0 };
        let byte = self.bytes[self.read % self.bytes.len()];
        self.read += 1;
        byte.rotate_left((round % 8) as u32)
    }

    /// The next two bytes.
    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// The next four bytes.
    pub fn dword(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A number below `n`, which is 1 to 65536.
    pub fn below(&mut self, n: usize) -> usize {
        let number = if n <= 256 { usize::from(self.byte()) } else { usize::from(self.word()) };
        number % n
    }

    /// One of `all`, which is not empty.
    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.byte()).collect()
    }

    /// The next `n` words.
    pub fn words(&mut self, n: usize) -> Vec<u16> {
        (0..n).map(|_| self.word()).collect()
    }

    /// `n` BF16 words of one kind: any; like weights, or like weights with more exponents; so small that sums
    /// of their products come to lie around the least normal number.
    pub fn bf16(&mut self, n: usize) -> Vec<u16> {
        let kind = self.below(4);
        let word = |choices: &mut Self| match kind {
            0 => choices.word(),
            1 => choices.word() & 0x81ff | 0x3c00,
            2 => choices.word() & 0x83ff | 0x3c00,
            _ => choices.word() & 0x80ff | (64 - choices.below(6) as u16) << 7,
        };
        (0..n).map(|_| word(self)).collect()
    }

    /// A full group of words for codec `fast`.
    pub fn group(&mut self) -> [u16; GROUP] {
        let spread = self.one(&[0xffff, 0x87ff]);
        std::array::from_fn(|_| self.word() & spread | 0x3800 & !spread)
    }

    /// `n` blocks of the kinds that tables have: any words, words that pass, words that are short, and one
    /// word that differs from the others.
    pub fn blocks(&mut self, n: usize) -> Vec<Block> {
        let block = |choices: &mut Self| {
            let mask = choices.one(&[0xffff, 0xfff8, 0xbff8, 0x87f8, 0x8ff8]);
            let mut block: Block = std::array::from_fn(|_| choices.word() & mask);
            if choices.below(3) == 0 {
                block[choices.below(32)] = choices.word();
            }
            block
        };
        (0..n).map(|_| block(self)).collect()
    }
}
