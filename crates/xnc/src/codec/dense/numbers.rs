//! Numbers of up to 32 bits: a byte that has a distribution, and plain bits below. `spec/dense.md`, section 2.

use super::stream::{Pending, Reader};
use super::symbols::Symbols;

/// How some numbers are coded: by a distribution of what stands above their plain bits.
#[derive(Clone)]
pub struct Numbers {
    plain: u32,
    tops: Symbols,
}

impl Numbers {
    /// Plain bits at most.
    pub const PLAIN: u32 = 24;

    /// The cheapest way to code numbers of at most `width` bits. `tops` counts them, without so many lower bits. The
    /// second value is how many bits they and the distribution take.
    #[cfg(feature = "threads")]
    pub fn fit(width: u32, tops: impl Fn(u32) -> [u64; 256]) -> (Numbers, f64) {
        // Coarser counts than need be take fewer slots to store, which a few numbers are better off with.
        let ways = (width.saturating_sub(8)..=width.min(Numbers::PLAIN)).map(|plain| {
            let counts = tops(plain);
            let bits = Symbols::cost(&counts) + f64::from(plain) * counts.iter().sum::<u64>() as f64;
            (plain, counts, bits + 8.0)
        });
        let (plain, counts, bits) = ways.min_by(|a, b| a.2.total_cmp(&b.2)).expect("at most 32 bits");
        (Numbers { plain, tops: Symbols::fit(&counts) }, bits)
    }

    /// The same for numbers one by one.
    #[cfg(feature = "threads")]
    pub fn of(numbers: impl Iterator<Item = u32> + Clone) -> Numbers {
        let width = u32::BITS - numbers.clone().max().unwrap_or(0).leading_zeros();
        let tops = |plain| {
            let mut counts = [0; 256];
            numbers.clone().for_each(|number| counts[(number >> plain) as usize] += 1);
            counts
        };
        Numbers::fit(width, tops).0
    }

    /// Appends the number of plain bits and the distribution.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.plain as u8);
        self.tops.write(out);
    }

    /// `None` where the bytes are not what [`Numbers::write`] leaves, or say more plain bits than `most`.
    pub fn read(most: u32, bytes: &mut &[u8]) -> Option<Numbers> {
        let plain = u32::from(bytes.split_off(..1)?[0]);
        let tops = Symbols::read(bytes)?;
        (plain <= most).then_some(Numbers { plain, tops })
    }

    /// Codes a number that was counted.
    pub fn put(&self, number: u32, pending: &mut Pending) {
        pending.symbol(&self.tops, (number >> self.plain) as u8);
        pending.wide(number & ((1 << self.plain) - 1), self.plain);
    }

    /// Decodes a number.
    pub fn take(&self, stream: &mut Reader<'_>) -> u32 {
        u32::from(stream.symbol(&self.tops)) << self.plain | stream.wide(self.plain)
    }

    /// Bits of a number that was counted.
    #[cfg(feature = "threads")]
    pub fn bits(&self, number: u32) -> f64 {
        f64::from(self.plain) + self.tops.bits((number >> self.plain) as u8)
    }
}
