//! Base-Delta-Immediate: Pekhimenko, Seshadri, Mutlu, Gibbons, Kozuch, Mowry, PACT 2012, sections 3 and 4, table 2.
//! A line is one base of 8, 4 or 2 bytes and, for each value, a narrow difference from the base or from zero;
//! or one value repeated; or zeros. Table 2 gives base and differences; the mask that tells the two bases
//! apart is counted here on top.

use super::{About, LINE_BITS, Line, Model, fits, integers, sign_extend};

/// Lines of values near one base or near zero.
pub struct Bdi;

/// Which encoding, in the tags.
const TAG: u32 = 4;
/// Base and difference in bytes, as table 2 lists them.
const ENCODINGS: [(usize, usize); 6] = [(8, 1), (8, 2), (8, 4), (4, 1), (4, 2), (2, 1)];

/// Base and differences, in bytes: the sizes of table 2 for 64-byte lines.
const fn table_2(base: usize, delta: usize) -> usize {
    base + 64 / base * delta
}

/// Whether every value is narrow itself or narrow beside the first one that is not (section 4.2).
fn holds(line: &Line, base: usize, delta: usize) -> bool {
    let (width, bits) = (8 * base as u32, 8 * delta as u32);
    let mut wide = integers(line, base).filter(|&value| !fits(value, bits));
    let Some(first) = wide.next() else { return true };
    wide.all(|value| fits(sign_extend(value.wrapping_sub(first), width), bits))
}

fn coded(line: &Line) -> u32 {
    if line.iter().all(|&word| word == 0) {
        return 8;
    }
    let (eights, _) = line.as_chunks::<4>();
    if eights.iter().all(|eight| *eight == eights[0]) {
        return 64;
    }
    let held = ENCODINGS.into_iter().filter(|&(base, delta)| holds(line, base, delta));
    let bits = held.map(|(base, delta)| (8 * table_2(base, delta) + 64 / base) as u32);
    bits.min().unwrap_or(LINE_BITS)
}

impl Model for Bdi {
    fn about(&self) -> About {
        About {
            name: "BDI",
            paper: "Pekhimenko et al., Base-Delta-Immediate Compression, PACT 2012, sections 3 and 4",
            counted: "4 bits a line, 1 bit a value where there is a base",
        }
    }

    fn bits(&self, line: &Line) -> u32 {
        TAG + coded(line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::line_of;
    use super::*;

    #[test]
    fn sizes_are_those_of_table_2() {
        assert_eq!(ENCODINGS.map(|(base, delta)| table_2(base, delta)), [16, 24, 40, 20, 36, 34]);
    }

    #[test]
    fn the_papers_lines() {
        // Figure 3 (h264ref: narrow integers) and figure 4 (perlbench: near pointers), each 32 bytes there, twice here.
        let narrow = [0, 0xb, 3, 1, 4, 0, 3, 4];
        let pointers = std::array::from_fn::<u32, 8, _>(|i| 0xc040_39c0 + 8 * i as u32);
        for eight in [narrow, pointers] {
            let line: [u32; 16] = std::array::from_fn(|i| eight[i % 8]);
            // 4-byte base, 1-byte differences: 20 bytes and a mask of 16 bits.
            assert_eq!(Bdi.bits(&line_of(line)), 4 + 160 + 16);
        }
    }

    #[test]
    fn two_bases() {
        // Like figure 5 (mcf), pointers among small integers: no base alone holds them, with zero as the other
        // 2-byte differences do.
        let mixed = [0, 0x09a4_0178, 0xb, 1, 0x09a4_6838, 0xa, 0xb, 0x09a4_42f0];
        let line: [u32; 16] = std::array::from_fn(|i| mixed[i % 8]);
        assert_eq!(Bdi.bits(&line_of(line)), 4 + 8 * 36 + 16);
    }

    #[test]
    fn every_encoding_and_none() {
        assert_eq!(Bdi.bits(&[0; 32]), 4 + 8);
        assert_eq!(Bdi.bits(&std::array::from_fn(|i| [1, 2, 3, 4][i % 4])), 4 + 64);
        let eights = |step: u64| {
            let value = move |i: usize| 0x1234_5678_9abc_def0_u64.wrapping_add(step * i as u64);
            std::array::from_fn::<u16, 32, _>(|i| (value(i / 4) >> (16 * (i % 4))) as u16)
        };
        assert_eq!(Bdi.bits(&eights(1)), 4 + 8 * 16 + 8);
        assert_eq!(Bdi.bits(&eights(0x100)), 4 + 8 * 24 + 8);
        assert_eq!(Bdi.bits(&eights(0x1_0000)), 4 + 8 * 40 + 8);
        assert_eq!(Bdi.bits(&std::array::from_fn(|i| 0x4000 + (i * i % 100) as u16)), 4 + 8 * 34 + 32);
        assert_eq!(Bdi.bits(&std::array::from_fn(|i| (i as u16 + 1).wrapping_mul(0x9e37))), 4 + 512);
    }

    #[test]
    fn differences_are_signed_and_wrap() {
        let line = |far: u16| std::array::from_fn(|i| if i % 3 == 0 { 0x4000 } else { far });
        let one_byte = 4 + 8 * 34 + 32;
        assert_eq!([0x4000 + 127, 0x4000 - 128].map(|far| Bdi.bits(&line(far))), [one_byte; 2]);
        assert_ne!(Bdi.bits(&line(0x4000 + 128)), one_byte);
        let ends = std::array::from_fn(|i| if i % 3 == 0 { 0x7fff } else { 0x8000 });
        assert_eq!(Bdi.bits(&ends), one_byte);
    }
}
