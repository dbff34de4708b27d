//! Static distributions over bytes: row heads, coefficients.

#[cfg(feature = "threads")]
use super::exact::log2;

/// Counts that sum to 2^16.
#[derive(Clone)]
pub struct Symbols {
    /// Slots below each byte.
    low: [u32; 257],
    /// The bytes that own every 256th slot, where looking for a slot's owner begins.
    begin: [u8; 256],
}

impl Symbols {
    /// Scales occurrence counts to 2^16 slots; every byte that occurs keeps at least one.
    pub fn fit(occurrences: &[u64; 256]) -> Symbols {
        let total: u64 = occurrences.iter().sum::<u64>().max(1);
        let mut count = [0u32; 256];
        let mut given = 0;
        for (c, &n) in count.iter_mut().zip(occurrences) {
            *c = if n == 0 { 0 } else { ((n as u128 * 65536 / total as u128) as u32).max(1) };
            given += *c;
        }
        // What rounding left over goes to, or comes from, the commonest bytes.
        while given != 65536 {
            let k = (0..256).max_by_key(|&k| (count[k], 256 - k)).expect("256 bytes");
            if given < 65536 {
                count[k] += 65536 - given;
                given = 65536;
            } else {
                let take = (given - 65536).min(count[k] / 2).max(1);
                count[k] -= take;
                given -= take;
            }
        }
        Symbols::from_counts(&count)
    }

    /// Bits that bytes which occur so often take, with the distribution that says so.
    #[cfg(feature = "threads")]
    pub fn cost(occurrences: &[u64]) -> f64 {
        let total = occurrences.iter().sum::<u64>() as f64;
        let occur = || occurrences.iter().filter(|&&n| n > 0);
        let coded: f64 = occur().map(|&n| n as f64 * log2(total / n as f64)).sum();
        coded + (8 * 32 + 16 * occur().count()) as f64
    }

    fn from_counts(count: &[u32; 256]) -> Symbols {
        let mut low = [0; 257];
        for k in 0..256 {
            low[k + 1] = low[k] + count[k];
        }
        let mut begin = [0; 256];
        let mut byte = 0u8;
        for (k, begin) in begin.iter_mut().enumerate() {
            // Counts that were read may sum to less; such a distribution is refused.
            while byte < 255 && low[usize::from(byte) + 1] <= k as u32 * 256 {
                byte += 1;
            }
            *begin = byte;
        }
        Symbols { low, begin }
    }

    /// Appends a map of the bytes that occur, then each one's count less one.
    pub fn write(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.resize(at + 32, 0);
        for k in 0..256 {
            let n = self.low[k + 1] - self.low[k];
            if n > 0 {
                out[at + k / 8] |= 1 << (k % 8);
                out.extend_from_slice(&((n - 1) as u16).to_le_bytes());
            }
        }
    }

    /// `None` where the bytes end early or the counts do not sum to 2^16.
    pub fn read(bytes: &mut &[u8]) -> Option<Symbols> {
        let map = bytes.split_off(..32)?;
        let mut count = [0; 256];
        for k in (0..256).filter(|k| map[k / 8] >> (k % 8) & 1 == 1) {
            let b = bytes.split_off(..2)?;
            count[k] = u16::from_le_bytes([b[0], b[1]]) as u32 + 1;
        }
        let s = Symbols::from_counts(&count);
        (s.low[256] == 65536).then_some(s)
    }

    /// First slot of a byte and of the next.
    pub fn range(&self, byte: u8) -> (u32, u32) {
        (self.low[byte as usize], self.low[byte as usize + 1])
    }

    /// Bits of a byte that occurs.
    #[cfg(feature = "threads")]
    pub fn bits(&self, byte: u8) -> f64 {
        let (low, high) = self.range(byte);
        16.0 - log2(f64::from((high - low).max(1)))
    }

    /// The byte that a slot belongs to.
    pub fn find(&self, slot: u32) -> u8 {
        let mut byte = self.begin[slot as usize >> 8];
        while self.low[usize::from(byte) + 1] <= slot {
            byte += 1;
        }
        byte
    }
}
