//! Every backend decodes the same, from streams that an encoder wrote and from any bytes at all.

use super::*;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z ^ (z >> 29)
    }
    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 16) % n
    }
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.next() >> 24) as u8).collect()
    }
}

/// A table whose numbers are as wild as its format allows.
fn wild(random: &mut Random, dim: usize) -> Tables {
    let columns: Vec<Column> = (0..dim)
        .map(|_| Column {
            mean: (random.next() >> 32) as i32 >> random.below(32),
            unit: (random.below(300) as i16 - 20) * if random.below(20) == 0 { 100 } else { 1 },
            scale: 4096 + random.below(4096) as u16,
            shift: random.below(8) as u8,
        })
        .collect();
    let n = if random.below(4) == 0 { 0 } else { dim * (dim - 1) / 2 };
    // Large ones leave 16 bits at once, small ones after many.
    let small = random.below(8);
    let coef: Vec<i8> = random.bytes(n).into_iter().map(|b| b as i8 >> small).collect();
    let mut pieces = [0u16; PIECES + 1];
    let mut rest = 32764u16;
    for k in 0..PIECES {
        let take = random.below(1 + u64::from(rest) / 8) as u16 * u16::from(random.below(5) > 0);
        pieces[k + 1] = pieces[k] + take;
        rest -= take;
    }
    let mantissa = if random.below(2) == 0 { 7 } else { 10 };
    Tables::new(mantissa, &columns, &coef, pieces)
}

#[test]
fn backends_agree_on_any_bytes() {
    let mut random = Random(7);
    for round in 0..300 {
        let dim = 1 + random.below(70) as usize;
        let tables = wild(&mut random, dim);
        let count = 1 + random.below(LANES as u64) as usize;
        let key: Vec<Vec<i8>> =
            (0..REFS).map(|_| random.bytes(dim).into_iter().map(|b| (b as i8).max(-127)).collect()).collect();
        let streams: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let n = random.below(4 * dim as u64) as usize;
                random.bytes(n)
            })
            .collect();
        let lanes: Vec<Lane<'_>> = streams
            .iter()
            .map(|stream| Lane {
                head: Head {
                    scale: random.below(128) as u8,
                    lift: random.below(8) as u8,
                    weights: [random.next() as i8, random.next() as i8 / 2, random.next() as i8 / 3]
                        .map(|w| w.max(-126)),
                },
                state: random.next() as u32 >> random.below(33).min(31),
                stream,
                refs: std::array::from_fn(|k| if random.below(3) == 0 { &[][..] } else { &key[k][..] }),
            })
            .collect();
        let mut seen = Vec::new();
        for backend in Backend::available() {
            let (mut words, mut kept) = (vec![0u16; count * dim], vec![0i8; count * dim]);
            let whole = {
                let mut words: Vec<&mut [u16]> = words.chunks_mut(dim).collect();
                let mut kept: Vec<&mut [i8]> = kept.chunks_mut(dim).collect();
                let scratch = &mut Scratch::new(dim, count);
                decode(backend, &tables, &lanes, &mut words, &mut kept, scratch)
            };
            seen.push((backend, whole, words, kept));
        }
        for other in &seen[1..] {
            assert!(
                (&other.1, &other.2, &other.3) == (&seen[0].1, &seen[0].2, &seen[0].3),
                "round {round}: {:?} differs from scalar",
                other.0
            );
        }
    }
}
