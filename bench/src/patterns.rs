//! The paper's first table: words by pattern, beside what the paper published, and where its zeros come from.
//!
//! The shares are of what [`xnc::analyze()`] counts. The paper's finding is that bits 2, 14, 15 and 16 (from
//! the most significant as 1) are zero in nearly every word. [`Origin`] tells whose zeros those are: widening BF16's 7
//! mantissa bits to FP16's 10 appends three zeros to every normal number, whatever the model.

use half::{bf16, f16};
use xnc::Patterns;

use crate::lines::histogram;
use crate::tables::{Random, cast};

/// Shares of a table's FP16 words, 0 to 1. The first three add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// All 16 bits zero.
    pub all_zero: f64,
    /// The upper byte all zeros or all ones, and not all zero: our definition, the paper gives none.
    pub narrow: f64,
    /// The rest.
    pub other: f64,
    /// Bits 2, 14, 15 and 16 zero.
    pub bits_2_14_15_16_zero: f64,
}

impl Shares {
    /// Of `words` words.
    pub fn new(patterns: &Patterns, words: u64) -> Shares {
        let share = |n: u64| n as f64 / words as f64;
        Shares {
            all_zero: share(patterns.all_zero),
            narrow: share(patterns.narrow),
            other: share(patterns.other),
            bits_2_14_15_16_zero: share(patterns.bits_2_14_15_16_zero),
        }
    }
}

/// A model in the paper's first table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Name as published.
    pub model: &'static str,
    /// What names of the family's models begin with, in lower case.
    pub family: &'static str,
    /// Share of words with bits 2, 14, 15 and 16 zero.
    pub bits_2_14_15_16_zero: f64,
}

const fn published(model: &'static str, family: &'static str, percent: f64) -> Published {
    Published { model, family, bits_2_14_15_16_zero: percent / 100.0 }
}

/// Lee, Jang, Kim, ISCAS 2025, table I, as the authors repeat it beside their scripts (IDSL-SeoulTech/XNC,
/// README): embedding layers cast to FP16. All-zero words are about 0 there (SmolVLM 0.02 %), narrow ones 0.25
/// to 0.26 %, others 99.7 %.
pub const PUBLISHED: [Published; 12] = [
    published("Llama-3.2-1B", "llama", 99.83),
    published("Llama-3.2-3B", "llama", 99.83),
    published("Gemma-2-2B", "gemma", 99.90),
    published("Qwen-2.5-0.5B", "qwen", 99.79),
    published("Qwen-2.5-1.5B", "qwen", 99.86),
    published("Qwen-2.5-3B", "qwen", 99.86),
    published("Phi-3.5-mini", "phi", 99.90),
    published("SmolLM-135M", "smollm", 99.96),
    published("SmolLM-360M", "smollm", 99.98),
    published("SmolLM-1.7B", "smollm", 99.97),
    published("SmolVLM-256M", "smolvlm", 99.98),
    published("Qwen-2.5-VL-3B", "qwen", 99.85),
];

/// Published models of the family that a model's or file's name begins with: `SmolLM2-135M.bf16` finds SmolLM.
pub fn same_family(name: &str) -> impl Iterator<Item = &'static Published> {
    let name = name.to_ascii_lowercase();
    PUBLISHED.iter().filter(move |published| name.starts_with(published.family))
}

/// Shares of words by the bits that the scheme drops, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DroppedBits {
    /// Bit 2 zero. In both types that is every magnitude below 2.
    pub bit_2_zero: f64,
    /// Bits 14, 15 and 16 zero.
    pub bits_14_15_16_zero: f64,
    /// All four.
    pub bits_2_14_15_16_zero: f64,
}

impl DroppedBits {
    fn of(words: impl Iterator<Item = (u16, u64)>) -> DroppedBits {
        let (mut total, mut high, mut low, mut both) = (0, 0, 0, 0);
        for (word, n) in words {
            total += n;
            high += n * u64::from(word & 0x4000 == 0);
            low += n * u64::from(word & 0x0007 == 0);
            both += n * u64::from(word & 0x4007 == 0);
        }
        let share = |n: u64| n as f64 / total as f64;
        DroppedBits {
            bit_2_zero: share(high),
            bits_14_15_16_zero: share(low),
            bits_2_14_15_16_zero: share(both),
        }
    }
}

/// The same bits before the cast, after it, and in words that never were BF16.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The table's BF16 words as they are.
    pub bf16: DroppedBits,
    /// The same words cast to FP16.
    pub cast: DroppedBits,
    /// Share of all words whose cast is a normal FP16 number or zero: there bits 14 to 16 are zero by the format alone.
    pub zero_by_format: f64,
    /// Share of all words that are not zero and whose cast is.
    pub cast_to_zero: f64,
    /// Share of all words that the cast does not keep: casting back gives another word.
    pub changed_by_cast: f64,
    /// Standard deviation, about zero, of the table's values and of the two below.
    pub deviation: f64,
    /// Normal noise rounded to FP16 at once.
    pub noise_f16: DroppedBits,
    /// The same noise rounded to BF16, then cast: no model, and the same zeros.
    pub noise_cast: DroppedBits,
}

/// Values of noise: enough for shares to a tenth of a percent.
const NOISE: usize = 1 << 20;

impl Origin {
    /// Of the words of a BF16 table; none where there are none.
    pub fn new(bf16_words: &[u16]) -> Option<Origin> {
        if bf16_words.is_empty() {
            return None;
        }
        let histogram = histogram(bf16_words);
        let words = || (0..=u16::MAX).zip(histogram.iter().copied());
        let share = |holds: &dyn Fn(u16) -> bool| {
            let n: u64 = words().filter(|&(word, _)| holds(word)).map(|(_, n)| n).sum();
            n as f64 / bf16_words.len() as f64
        };
        let deviation = deviation(words());
        let noise = Random::new(0).normals(NOISE, deviation);
        Some(Origin {
            bf16: DroppedBits::of(words()),
            cast: DroppedBits::of(words().map(|(word, n)| (cast(word), n))),
            zero_by_format: share(&|word| zero_by_format(cast(word))),
            cast_to_zero: share(&|word| word << 1 != 0 && cast(word) << 1 == 0),
            changed_by_cast: share(&|word| changed_by_cast(word)),
            deviation,
            noise_f16: DroppedBits::of(noise.iter().map(|&x| (f16::from_f32(x).to_bits(), 1))),
            noise_cast: DroppedBits::of(noise.iter().map(|&x| (cast(bf16::from_f32(x).to_bits()), 1))),
        })
    }
}

/// Whether the FP16 cast of a BF16 word, cast back, is another word.
pub fn changed_by_cast(word: u16) -> bool {
    // A cast has no more significant bits than a BF16 word, so its upper half is all of it.
    (f16::from_bits(cast(word)).to_f32().to_bits() >> 16) as u16 != word
}

/// Zero, or not subnormal: what widening a BF16 mantissa gives a low end of zeros.
fn zero_by_format(word: u16) -> bool {
    word & 0x7c00 != 0 || word << 1 == 0
}

/// Root mean square of finite values.
fn deviation(words: impl Iterator<Item = (u16, u64)>) -> f64 {
    let values = words.map(|(word, n)| (bf16::from_bits(word).to_f64(), n as f64));
    let finite = values.filter(|(value, _)| value.is_finite());
    let (squares, total) = finite.fold((0.0, 0.0), |(s, t), (x, n)| (s + n * x * x, t + n));
    f64::sqrt(squares / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 0.005
    }

    #[test]
    fn every_cast_that_is_not_subnormal_ends_in_three_zeros() {
        for word in 0..=u16::MAX {
            let cast = cast(word);
            assert!(!zero_by_format(cast) || cast & 7 == 0, "{word:#06x}");
        }
    }

    #[test]
    fn zeros_are_the_casts() {
        // BF16 noise: one in eight words ends in three zeros before the cast, nearly all after it.
        let words: Vec<u16> =
            Random::new(0).normals(NOISE, 0.02).iter().map(|&x| bf16::from_f32(x).to_bits()).collect();
        let origin = Origin::new(&words).expect("BF16 words");
        assert!(near(origin.deviation, 0.02));
        assert!(near(origin.bf16.bits_14_15_16_zero, 0.125), "{origin:?}");
        assert!(origin.cast.bits_14_15_16_zero > 0.99, "{origin:?}");
        assert!(near(origin.noise_f16.bits_2_14_15_16_zero, 0.125), "{origin:?}");
        assert!(near(origin.noise_cast.bits_2_14_15_16_zero, origin.cast.bits_2_14_15_16_zero));
        assert!(origin.zero_by_format <= origin.cast.bits_14_15_16_zero);
        assert!(origin.changed_by_cast < 0.01 && origin.cast_to_zero <= origin.changed_by_cast);
    }

    #[test]
    fn a_few_words_by_hand() {
        // 1.0, 2.0, 2^-15 with all mantissa bits set (subnormal as FP16), 2^-30 (zero as FP16).
        let words = [0x3f80, 0x4000, 0x387f, 0x3080];
        assert_eq!(words.map(cast), [0x3c00, 0x4000, 0x03fc, 0x0000]);
        let origin = Origin::new(&words).expect("BF16 words");
        assert_eq!((origin.bf16.bit_2_zero, origin.bf16.bits_14_15_16_zero), (0.75, 0.75));
        assert_eq!((origin.cast.bit_2_zero, origin.cast.bits_14_15_16_zero), (0.75, 0.75));
        assert_eq!((origin.zero_by_format, origin.cast_to_zero, origin.changed_by_cast), (0.75, 0.25, 0.25));
        assert!(Origin::new(&[]).is_none());
    }

    #[test]
    fn families() {
        let of = |name| same_family(name).map(|published| published.model).collect::<Vec<_>>();
        assert_eq!(of("SmolLM2-135M.f16.safetensors"), ["SmolLM-135M", "SmolLM-360M", "SmolLM-1.7B"]);
        assert_eq!(of("Gemma-3-270M"), ["Gemma-2-2B"]);
        assert!(of("all-MiniLM-L6-v2").is_empty());
    }

    #[test]
    fn shares_of_counts() {
        let mut patterns = Patterns::default();
        (patterns.all_zero, patterns.narrow, patterns.other) = (1, 2, 5);
        patterns.bits_2_14_15_16_zero = 6;
        let shares = Shares::new(&patterns, 8);
        assert_eq!((shares.all_zero, shares.narrow, shares.other), (0.125, 0.25, 0.625));
        assert_eq!(shares.bits_2_14_15_16_zero, 0.75);
    }
}
