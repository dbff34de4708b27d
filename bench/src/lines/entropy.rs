//! Order-0 entropy of 16-bit words: Shannon, "A Mathematical Theory of Communication", 1948, section 6.
//! No code that gives each word a length by its value alone can do better; one that looks at other words can.

use super::About;

pub(super) const ABOUT: About = About {
    name: "order-0 entropy of words",
    paper: "Shannon, A Mathematical Theory of Communication, 1948, section 6",
    counted: "nothing: a bound, without code table, lines or random access",
};

/// Entropy of all words together, rounded up to a bit.
pub(super) fn bits(histogram: &[u64]) -> u64 {
    let total = histogram.iter().sum::<u64>() as f64;
    let occurring = histogram.iter().filter(|&&n| n > 0).map(|&n| n as f64);
    occurring.map(|n| n * (total / n).log2()).sum::<f64>().ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_examples() {
        assert_eq!(bits(&[4, 4, 0, 8]), 4 * 2 + 4 * 2 + 8);
        assert_eq!(bits(&[7]), 0);
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[1; 1 << 16]), 16 << 16);
    }
}
