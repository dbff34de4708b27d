//! Arbitrary bytes, read as choices.

/// Reads choices; after the last byte all are 0.
#[derive(Clone)]
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// Whether all bytes were read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// The next two bytes.
    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A number below `n`, or 0.
    pub fn below(&mut self, n: usize) -> usize {
        let number = if n <= 256 { usize::from(self.byte()) } else { usize::from(self.word()) };
        // Two bytes reach any place of a small file and every 2^16th part of a large one.
        if n > 1 << 16 { number * (n >> 16) } else { number % n.max(1) }
    }

    /// One of `all`, which is not empty.
    pub fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Up to `n` bytes as they stand.
    pub fn bytes(&mut self, n: usize) -> &'a [u8] {
        self.0.split_off(..n.min(self.0.len())).unwrap_or_default()
    }

    /// A number near a place where arithmetic goes wrong, or a small one, or any.
    pub fn number(&mut self) -> u64 {
        let near = i64::from(self.byte() as i8);
        match self.byte() % 8 {
            0 | 1 => near.unsigned_abs(),
            2 => (near as u64).wrapping_add(1 << 63),
            3 => near as u64,
            4 | 5 => (1u64 << (self.byte() % 64)).wrapping_add_signed(near),
            6 => u64::from(self.word()),
            _ => (0..8).fold(0, |n, _| n << 8 | u64::from(self.byte())),
        }
    }
}
