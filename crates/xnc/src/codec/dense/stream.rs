//! The coder: rANS with a 32-bit state, 16-bit words and 16-bit probabilities. Starting from state zero, it spends no
//! bits on a start marker; a decoder knows where a stream ends and that it must end with state zero.
use super::symbols::Symbols;

/// Symbols in the order in which they will be decoded.
#[derive(Default)]
pub struct Pending {
    steps: Vec<(u32, u32)>,
}

/// Marks a step that holds plain bits; the rest of the second field is their number.
const PLAIN: u32 = 1 << 31;

impl Pending {
    /// Starts a new stream.
    pub fn clear(&mut self) {
        self.steps.clear();
    }
    /// Slots `low..high` of 2^16.
    pub fn range(&mut self, low: u32, high: u32) {
        self.steps.push((low, high - low));
    }
    /// A byte.
    pub fn symbol(&mut self, s: &Symbols, byte: u8) {
        let (l, h) = s.range(byte);
        self.range(l, h);
    }
    /// Up to 16 plain bits.
    pub fn bits(&mut self, value: u32, n: u32) {
        if n > 0 {
            self.steps.push((value, n | PLAIN));
        }
    }
    /// Up to 32 plain bits.
    pub fn wide(&mut self, value: u32, n: u32) {
        self.bits(value & 0xffff, n.min(16));
        self.bits(value >> 16, n.saturating_sub(16));
    }

    /// Appends the stream in the order of reading, but for its first coder word, which is returned.
    pub fn finish(&self, out: &mut Vec<u8>) -> u16 {
        let mut words = Vec::with_capacity(self.steps.len());
        let mut x = 0u32;
        for &(a, b) in self.steps.iter().rev() {
            if b & PLAIN != 0 {
                let n = b & !PLAIN;
                if x as u64 >= 1 << (32 - n) {
                    words.push(x as u16);
                    x >>= 16;
                }
                x = x << n | a;
            } else {
                if x as u64 >= (b as u64) << 16 {
                    words.push(x as u16);
                    x >>= 16;
                }
                x = ((x / b) << 16) + x % b + a;
            }
        }
        words.push(x as u16);
        for w in words.iter().rev() {
            out.extend_from_slice(&w.to_le_bytes());
        }
        (x >> 16) as u16
    }

    /// Appends the whole stream.
    pub fn finish_whole(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&[0; 2]);
        let first = self.finish(out);
        out[at..at + 2].copy_from_slice(&first.to_le_bytes());
    }
}

/// Reads what [`Pending`] wrote, up to the part that kernels decode.
pub struct Reader<'a> {
    /// The coder's state.
    pub state: u32,
    /// Words not read yet.
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A stream by its first coder word and the others.
    pub fn new(first: u16, rest: &'a [u8]) -> Reader<'a> {
        let mut reader = Reader { state: u32::from(first), rest };
        reader.refill();
        reader
    }
    /// A stream whose coder words all stand together. `None` where there are not even two.
    pub fn of_whole(stream: &'a [u8]) -> Option<Reader<'a>> {
        let (first, rest) = stream.split_first_chunk::<2>()?;
        (rest.len() >= 2).then(|| Reader::new(u16::from_le_bytes(*first), rest))
    }
    fn refill(&mut self) {
        if self.state < 1 << 16
            && let Some((w, rest)) = self.rest.split_first_chunk::<2>()
        {
            self.state = self.state << 16 | u16::from_le_bytes(*w) as u32;
            self.rest = rest;
        }
    }
    /// A byte.
    pub fn symbol(&mut self, s: &Symbols) -> u8 {
        let slot = self.state & 0xffff;
        let byte = s.find(slot);
        let (l, h) = s.range(byte);
        self.state = (h - l).wrapping_mul(self.state >> 16).wrapping_add(slot - l);
        self.refill();
        byte
    }
    /// Up to 16 plain bits.
    pub fn bits(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let v = self.state & ((1 << n) - 1);
        self.state >>= n;
        self.refill();
        v
    }
    /// Up to 32 plain bits.
    pub fn wide(&mut self, n: u32) -> u32 {
        let low = self.bits(n.min(16));
        low | self.bits(n.saturating_sub(16)) << 16
    }

    /// Whether the stream ended as streams do.
    pub fn done(&self) -> bool {
        self.state == 0 && self.rest.is_empty()
    }
}
