//! Bit streams: bits fill each byte from its least significant bit, fields store their least significant bit first.

/// Appends fields to a byte vector.
#[derive(Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the low `width` bits of `value`; the bits above must be zero.
    ///
    /// # Panics
    /// If `width` is over 32.
    pub fn put(&mut self, value: u32, width: u32) {
        assert!(width <= 32);
        debug_assert!(u64::from(value) >> width == 0);
        self.pending |= u64::from(value) << self.filled;
        self.filled += width;
        if self.filled >= 32 {
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.filled -= 32;
        }
    }

    /// Lets a kernel append: `write` is given all bytes, with `room` of them from the byte of the position
    /// on, and that position. It returns the one behind what it wrote and leaves the rest of that byte zero.
    pub fn append_with(&mut self, room: usize, write: impl FnOnce(&mut [u8], usize) -> usize) {
        let position = self.len() as usize;
        let tail = self.filled.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..tail]);
        self.bytes.resize(position / 8 + room.max(tail), 0);
        let end = write(&mut self.bytes, position);
        self.pending = if end.is_multiple_of(8) { 0 } else { u64::from(self.bytes[end / 8]) };
        self.filled = (end % 8) as u32;
        self.bytes.truncate(end / 8);
    }

    /// Bits written so far.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 * 8 + u64::from(self.filled)
    }

    /// Fills the last byte with zero bits and returns the bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let tail = self.filled.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..tail]);
        self.bytes
    }
}

/// Reads fields from bytes. Past the end it reads zeros; a caller compares [`BitReader::position`] with the length.
#[derive(Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at bit 0.
    pub fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, position: 0 }
    }

    /// Bits consumed so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The bytes, from bit 0 on.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bits left.
    pub fn remaining(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    /// Whether `bits` more are there. False where the position passed the end, also for none.
    pub fn holds(&self, bits: usize) -> bool {
        self.position + bits <= self.bytes.len() * 8
    }

    /// Moves forward.
    pub fn skip(&mut self, bits: usize) {
        self.position += bits;
    }

    /// The next `width` bits, up to 32.
    pub fn take(&mut self, width: u32) -> u32 {
        debug_assert!(width <= 32);
        let window = self.window();
        self.position += width as usize;
        (window & ((1 << width) - 1)) as u32
    }

    /// At least 57 of the bits that follow, zeros past the end.
    fn window(&self) -> u64 {
        let first = self.position / 8;
        let loaded = match self.bytes.get(first..first + 8) {
            Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
            None => {
                let mut tail = [0; 8];
                let rest = self.bytes.get(first..).unwrap_or_default();
                tail[..rest.len()].copy_from_slice(rest);
                u64::from_le_bytes(tail)
            }
        };
        loaded >> (self.position % 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_come_back(fields in prop::collection::vec((any::<u32>(), 0u32..=32), 0..200)) {
            let masked = |value: u32, width: u32| (u64::from(value) & ((1u64 << width) - 1)) as u32;
            let mut writer = BitWriter::default();
            for &(value, width) in &fields {
                writer.put(masked(value, width), width);
            }
            let bits = writer.len();
            let bytes = writer.finish();
            prop_assert_eq!(bytes.len() as u64, bits.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for &(value, width) in &fields {
                prop_assert_eq!(reader.take(width), masked(value, width));
            }
            prop_assert_eq!(reader.position() as u64, bits);
            reader.skip(reader.remaining());
            prop_assert_eq!(reader.take(32), 0, "zeros past the end");
        }
    }
}
