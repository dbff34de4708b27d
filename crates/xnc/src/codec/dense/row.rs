//! Rows side by side: their innovations, what their words cost, and their streams.

use std::sync::LazyLock;

use super::exact::log2;
use super::index::LAST;
use super::model::Model;
use super::stream::Pending;
use crate::kernel::Backend;
use crate::kernel::dense::residual::{
    self, Given, Head, Lane, PIECES, PLAIN_BITS, REFS, SLOT_BITS, Scratch, Slots, Tables,
};

/// Kind of a row whose words are all equal.
pub const CONSTANT: u8 = 32;
/// Rows that are predicted together: enough for every backend.
pub const TOGETHER: usize = 64;

/// What was decided about a row.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// All its words are equal.
    pub constant: bool,
    /// Pass in which it is decoded: it refers to rows of lower levels only.
    pub level: u8,
    /// Scales and weights.
    pub head: Head,
    refs: [u32; REFS],
    count: u8,
}

impl Plan {
    /// A row without references.
    pub fn alone(head: Head) -> Plan {
        Plan { constant: false, level: LAST, head, refs: [0; REFS], count: 0 }
    }

    /// A row that one word fills.
    pub fn constant() -> Plan {
        Plan { constant: true, ..Plan::alone(Head::default()) }
    }

    /// A row of some level that refers to others.
    pub fn referring(level: u8, head: Head, rows: &[u32]) -> Plan {
        let mut refs = [0; REFS];
        refs[..rows.len()].copy_from_slice(rows);
        Plan { constant: false, level, head, refs, count: rows.len() as u8 }
    }

    /// Rows referred to: by their numbers, and in the end by their numbers among the keys.
    pub fn refs(&self) -> &[u32] {
        &self.refs[..usize::from(self.count)]
    }

    /// The same, to be changed.
    pub fn refs_mut(&mut self) -> &mut [u32] {
        &mut self.refs[..usize::from(self.count)]
    }
}

/// Predicts rows of one table, on one thread.
pub struct Predictor<'a> {
    backend: Backend,
    tables: &'a Tables,
    scratch: Scratch,
    ranges: Vec<u32>,
    rest: Vec<u16>,
}

impl<'a> Predictor<'a> {
    pub fn new(backend: Backend, tables: &'a Tables) -> Predictor<'a> {
        let scratch = Scratch::new(backend, tables.dim(), TOGETHER);
        Predictor { backend, tables, scratch, ranges: Vec::new(), rest: Vec::new() }
    }

    /// What it runs on.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Innovations of rows whose words follow each other in `words`; `stride` apart in `out`.
    pub fn innovations(&mut self, lanes: &[Lane<'_>], words: &[u16], out: &mut [i8], stride: usize) {
        let dim = self.tables.dim();
        let rows = lanes.iter().zip(words.chunks_exact(dim)).zip(out.chunks_mut(stride));
        let mut rows: Vec<Given<'_>> = rows
            .map(|((&lane, words), e)| Given {
                lane,
                words,
                innovations: &mut e[..dim],
                slots: Slots::default(),
            })
            .collect();
        rows.chunks_mut(TOGETHER).for_each(|rows| {
            residual::encode(self.backend, self.tables, rows, &mut self.scratch);
        });
    }

    /// What is coded of the words of up to [`TOGETHER`] rows, which follow each other in `words`.
    pub fn slots(&mut self, lanes: &[Lane<'_>], words: &[u16]) -> impl Iterator<Item = Coded<'_>> {
        let dim = self.tables.dim();
        self.ranges.resize(TOGETHER * dim, 0);
        self.rest.resize(TOGETHER * dim, 0);
        let slots = self.ranges.chunks_exact_mut(dim).zip(self.rest.chunks_exact_mut(dim));
        let rows = lanes.iter().zip(words.chunks_exact(dim)).zip(slots);
        let mut rows: Vec<Given<'_>> = rows
            .map(|((&lane, words), (ranges, rest))| Given {
                lane,
                words,
                innovations: &mut [],
                slots: Slots { ranges, rest },
            })
            .collect();
        residual::encode(self.backend, self.tables, &mut rows, &mut self.scratch);
        let slots = self.ranges.chunks_exact(dim).zip(self.rest.chunks_exact(dim));
        slots.take(lanes.len()).map(|(ranges, rest)| Coded { ranges, rest })
    }
}

/// What is coded of the words of a row: [`Slots`].
#[derive(Clone, Copy)]
pub struct Coded<'a> {
    ranges: &'a [u32],
    rest: &'a [u16],
}

impl Coded<'_> {
    fn plain(rest: u16) -> u32 {
        u32::from(rest) & ((1 << PLAIN_BITS) - 1)
    }

    /// Counts residuals by piece.
    pub fn tally(&self, pieces: &mut [u64; PIECES]) {
        for &rest in self.rest {
            if let Some(n) = pieces.get_mut(usize::from(rest >> PLAIN_BITS)) {
                *n += 1;
            }
        }
    }

    /// Bits that the words take, near enough to compare models.
    pub fn bits(&self) -> f64 {
        let of = |(&range, &rest): (&u32, &u16)| {
            let number = (range >> SLOT_BITS) + 1;
            let octave = number.ilog2();
            let part = u64::from(number << (31 - octave)) >> 23 & 0xff;
            u64::from(16 + Coded::plain(rest) - octave) * BIT - u64::from(PARTS[part as usize])
        };
        self.ranges.iter().zip(self.rest).map(of).sum::<u64>() as f64 / BIT as f64
    }
}

/// One bit, as [`Coded::bits`] counts.
const BIT: u64 = 1 << 12;
/// Logarithms in the middle of 256 parts of an octave.
static PARTS: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|k| (BIT as f64 * log2(1.0 + (k as f64 + 0.5) / 256.0)).round() as u16)
});

/// Appends the stream of one row, but for its first coder word, which is returned.
pub fn encode(
    model: &Model,
    plan: &Plan,
    words: &[u16],
    coded: Coded<'_>,
    pending: &mut Pending,
    out: &mut Vec<u8>,
) -> u16 {
    pending.clear();
    if plan.constant {
        pending.symbol(&model.kinds, CONSTANT);
        pending.bits(u32::from(words[0]), 16);
        return pending.finish(out);
    }
    pending.symbol(&model.kinds, plan.count * 8 + plan.head.lift);
    pending.symbol(&model.scales, plan.head.scale);
    for (&key, &weight) in plan.refs().iter().zip(&plan.head.weights) {
        model.numbers.put(key, pending);
        pending.symbol(&model.weights, weight as u8);
    }
    for ((&word, &range), &rest) in words.iter().zip(coded.ranges).zip(coded.rest) {
        let low = range & ((1 << SLOT_BITS) - 1);
        pending.range(low, low + (range >> SLOT_BITS) + 1);
        let plain = Coded::plain(rest);
        pending.bits(u32::from(word) & ((1 << plain) - 1), plain);
    }
    pending.finish(out)
}
