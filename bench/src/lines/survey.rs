//! Every scheme over one table.

use rayon::prelude::*;

use super::{About, Bdi, Bpc, CPack, E2mc, Fpc, Fvc, LINE_BITS, Line, Model, Xnc, Zero, bpc, entropy};

/// What one scheme leaves of a table.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which scheme.
    pub about: About,
    /// Bits of all lines, trained table included.
    pub bits: u64,
    /// Bits of the trained table alone.
    pub table_bits: u64,
    /// 512 bits a line against [`Outcome::bits`]; above 1 the table shrinks.
    pub ratio: f64,
    /// Share of lines that take fewer than 512 bits; none where the count is not by the line.
    pub smaller: Option<f64>,
}

impl Outcome {
    fn new(about: About, lines: usize, bits: u64, table_bits: u64, smaller: Option<u64>) -> Self {
        let raw = lines as f64 * f64::from(LINE_BITS);
        let smaller = smaller.map(|n| n as f64 / lines as f64);
        Outcome { about, bits, table_bits, ratio: raw / bits as f64, smaller }
    }

    fn of(model: &impl Model, lines: &[Line]) -> Self {
        let count = |line: &Line| {
            let bits = model.bits(line);
            (u64::from(bits), u64::from(bits < LINE_BITS))
        };
        let add = |a: (u64, u64), b: (u64, u64)| (a.0 + b.0, a.1 + b.1);
        let parts = lines.par_chunks(4096).map(|part| part.iter().map(count).fold((0, 0), add));
        let (bits, smaller) = parts.reduce(|| (0, 0), add);
        let table_bits = model.table_bits();
        Outcome::new(model.about(), lines.len(), bits + table_bits, table_bits, Some(smaller))
    }
}

/// Counts every scheme on a table's words in row-major order, the bound last. Uses the caller's rayon pool.
///
/// Words after the last full line are left out of both sides of the ratio: 31 at most.
///
/// # Panics
/// If there is no full line.
pub fn survey(words: &[u16]) -> Vec<Outcome> {
    let (lines, _) = words.as_chunks();
    assert!(!lines.is_empty(), "a survey needs at least one line of 32 words");
    let histogram = super::histogram(lines.as_flattened());
    let whole = |about, bits| Outcome::new(about, lines.len(), bits, 0, None);
    let [half, published, every] = E2mc::SIZES.map(|size| Outcome::of(&E2mc::train(&histogram, size), lines));
    vec![
        Outcome::of(&Zero, lines),
        Outcome::of(&Fpc, lines),
        Outcome::of(&Bdi, lines),
        Outcome::of(&CPack, lines),
        Outcome::of(&Fvc::train(lines), lines),
        Outcome::of(&Bpc::WORDS, lines),
        Outcome::of(&Bpc::HALF_WORDS, lines),
        whole(bpc::PAIRS, bpc::pairs_bits(lines)),
        half,
        published,
        every,
        Outcome::of(&Xnc, lines),
        whole(entropy::ABOUT, entropy::bits(&histogram)),
    ]
}
