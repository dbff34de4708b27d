//! Records of codec `dense` with other levels: a small coder of its own, after `spec/dense.md`, sections 2 and 3.

/// A distribution over bytes: each byte that occurs, its first slot, and how many it owns.
struct Slots(Vec<(u8, u32, u32)>);

impl Slots {
    /// Reads the distribution at a place; also returns the place behind.
    fn read(bytes: &[u8], at: usize) -> (Slots, usize) {
        let occur = (0..=255u8).filter(|&byte| bytes[at + usize::from(byte / 8)] >> (byte % 8) & 1 == 1);
        let (mut slots, mut low, mut at) = (Vec::new(), 0, at + 32);
        for byte in occur {
            let count = u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])) + 1;
            slots.push((byte, low, count));
            (low, at) = (low + count, at + 2);
        }
        (Slots(slots), at)
    }

    fn of_byte(&self, byte: u8) -> (u32, u32) {
        let found = self.0.iter().find(|slots| slots.0 == byte).expect("a level that occurs");
        (found.1, found.2)
    }
}

/// What was read, to be written again: slots from the first on, or plain bits.
enum Step {
    Slots(u32, u32),
    Plain(u32, u32),
}

/// The coder's state, coder words that are left, and steps so far.
struct Coder<'a> {
    x: u32,
    rest: &'a [u8],
    steps: Vec<Step>,
}

impl Coder<'_> {
    fn refill(&mut self) {
        if let (0..=0xffff, [low, high, rest @ ..]) = (self.x, self.rest) {
            self.x = self.x << 16 | u32::from(u16::from_le_bytes([*low, *high]));
            self.rest = rest;
        }
    }

    fn symbol(&mut self, slots: &Slots, as_if: impl Fn(u8) -> u8) -> u8 {
        let slot = self.x & 0xffff;
        let &(byte, low, count) = slots.0.iter().rfind(|slots| slots.1 <= slot).expect("a slot's owner");
        self.x = count * (self.x >> 16) + slot - low;
        self.refill();
        let (low, count) = slots.of_byte(as_if(byte));
        self.steps.push(Step::Slots(low, count));
        byte
    }

    fn plain(&mut self, n: u32) -> u32 {
        let value = self.x & ((1 << n) - 1);
        self.steps.push(Step::Plain(value, n));
        if n > 0 {
            self.x >>= n;
            self.refill();
        }
        value
    }

    /// The steps as a stream.
    fn written(&self) -> Vec<u8> {
        let (mut x, mut words) = (0u32, Vec::new());
        for step in self.steps.iter().rev() {
            let least = match *step {
                Step::Slots(_, count) => u64::from(count) << 16,
                Step::Plain(_, n) => 1 << (32 - n),
            };
            if u64::from(x) >= least {
                words.push(x as u16);
                x >>= 16;
            }
            x = match *step {
                Step::Slots(low, count) => ((x / count) << 16) + x % count + low,
                Step::Plain(value, n) => x << n | value,
            };
        }
        words.extend([x as u16, (x >> 16) as u16]);
        words.iter().rev().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// The index of a predicted table with other levels, which occur: `least` is where the records' part begins.
pub fn changed(index: &[u8], least: usize, rows: usize, level: impl Fn(u8) -> u8) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(*index[at..].first_chunk().expect("a number"));
    let plain = u32::from(index[least + 4]);
    let (lengths, at) = Slots::read(index, least + 5);
    let (levels, at) = Slots::read(index, at);
    let stream = &index[at + 8..][..word(at) as usize];
    let mut coder = Coder { x: 0, rest: stream, steps: Vec::new() };
    coder.refill();
    coder.refill();
    for _ in 0..rows {
        coder.symbol(&levels, &level);
        let length =
            word(least) + (u32::from(coder.symbol(&lengths, |byte| byte)) << plain) + coder.plain(plain);
        let first = length - 16 * ((length - 1) / 16).max(1);
        coder.plain(first.saturating_sub(1));
    }
    assert!((coder.x, coder.rest.len()) == (0, 0), "records end with their last");
    let written = coder.written();
    let mut changed = [&index[..at], &(written.len() as u64).to_le_bytes(), &written].concat();
    changed.resize(changed.len().next_multiple_of(64), 0);
    changed
}
