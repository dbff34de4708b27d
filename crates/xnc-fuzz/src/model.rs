//! Codec `xnc` read from its specification a bit at a time: slow, and nothing of the library in it.

/// Endless bits: some bytes over and over. Remembers what was read.
pub struct Bits<'a> {
    source: &'a [u8],
    taken: Vec<u8>,
    count: usize,
}

impl<'a> Bits<'a> {
    /// Starts at bit 0 of `source`; an empty one is all zeros.
    pub fn new(source: &'a [u8]) -> Self {
        Bits { source: if source.is_empty() { &[0] } else { source }, taken: Vec::new(), count: 0 }
    }

    /// The next `width` bits as a number.
    pub fn take(&mut self, width: u32) -> u16 {
        (0..width).fold(0, |value, i| {
            let (byte, bit) = (self.count / 8, self.count % 8);
            // Another twist every time around, so that short sources make more than one block.
            let around = (byte / self.source.len()) as u8;
            let one = (self.source[byte % self.source.len()] ^ around.wrapping_mul(29)) >> bit & 1;
            if bit == 0 {
                self.taken.push(0);
            }
            self.taken[byte] |= one << bit;
            self.count += 1;
            value | u16::from(one) << i
        })
    }

    /// Number of bits that were read, and they themselves, filled with zeros to a byte.
    pub fn taken(self) -> (usize, Vec<u8>) {
        (self.count, self.taken)
    }
}

/// Section 3: a block of FP16 words. Any bits are one.
pub fn block(bits: &mut Bits<'_>, words: &mut [u16]) {
    let n = words.len();
    let flag = bits.take(1) == 1;
    let selectors: Vec<bool> = (0..n).map(|_| bits.take(1) == 1).collect();
    let signs: Vec<u16> = (0..n).map(|_| bits.take(1)).collect();
    let cores: Vec<u16> = (0..n).map(|_| bits.take(8)).collect();
    let mids: Vec<u16> =
        (0..n).map(|i| if !flag || selectors[i] { bits.take(3) } else { signs[i] * 7 }).collect();
    let rests: Vec<u16> =
        (0..n).map(|i| if !flag && selectors[i] { bits.take(4) } else { signs[i] * 8 }).collect();
    let mut before = 0;
    for i in 0..n {
        let u = signs[i] << 15 | (rests[i] >> 3) << 14 | mids[i] << 11 | cores[i] << 3 | rests[i] & 7;
        let t = if signs[i] == 1 { u ^ 0x7800 } else { u };
        words[i] = t ^ before;
        before = words[i];
    }
}

/// Section 4: an exception, whose words stand as they are.
pub fn exception(bits: &mut Bits<'_>, words: &mut [u16]) {
    words.iter_mut().for_each(|word| *word = bits.take(16));
}

/// Section 4: the BF16 word that an FP16 word is the image of: widened to binary32, the upper half.
pub fn bf16_of(word: u16) -> u16 {
    (half::f16::from_bits(word).to_f32().to_bits() >> 16) as u16
}
