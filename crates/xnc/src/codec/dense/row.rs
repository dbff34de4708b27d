//! Encodes rows whose heads are chosen.
use super::exact::log2;
use super::model::Model;
use super::stream::Pending;
use crate::kernel::dense::residual::{Head, PIECES, REFS, Step, Tables, cdf, cell, floor_of, half, step};

/// Kind of a row whose words are all equal.
pub const CONSTANT: u8 = 32;

/// Bits of a key's number.
pub fn key_bits(keys: usize) -> u32 {
    usize::BITS - keys.saturating_sub(1).leading_zeros()
}

/// What was decided about a row.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// All its words are equal.
    pub constant: bool,
    /// Pass in which it is decoded: it refers to rows of lower levels only.
    pub level: u8,
    /// Scales and weights.
    pub head: Head,
    /// Rows referred to.
    pub refs: Vec<u32>,
}

/// Runs the predictor along a row: fills `innovations` unless it is empty, and hands out every step.
pub fn walk(
    t: &Tables,
    head: &Head,
    refs: &[&[i8]; REFS],
    words: &[u16],
    innovations: &mut [i8],
    mut each: impl FnMut(usize, &Step, i32, bool),
) {
    let mut seen = vec![0i16; t.dim()];
    for (j, &w) in words.iter().enumerate() {
        let s = step(t, head, j, &seen[..j], refs);
        let (v, fits) = floor_of(w, s.unit, t.mantissa());
        let e = s.innovation(v);
        seen[j] = i16::from(e);
        if let Some(kept) = innovations.get_mut(j) {
            *kept = e;
        }
        each(j, &s, v, fits);
    }
}

/// Counts a residual's piece.
pub fn tally(s: &Step, v: i32, pieces: &mut [f64; PIECES]) {
    let r = (v.wrapping_sub(s.all) as f64 + 0.5).abs() / s.bound as f64 * PIECES as f64;
    if r < PIECES as f64 {
        pieces[r as usize] += 1.0;
    }
}

/// What rows are encoded with.
pub struct Coding<'a> {
    /// The shared model.
    pub model: &'a Model,
    /// The same, laid out.
    pub tables: &'a Tables,
    /// Number of key rows.
    pub keys: usize,
    /// Number among the keys, by row.
    pub ordinals: &'a [u32],
}

/// Appends the stream of one row; `refs` are the innovations of the rows that `plan` refers to.
pub fn encode(
    c: &Coding<'_>,
    plan: &Plan,
    refs: &[&[i8]; REFS],
    words: &[u16],
    pending: &mut Pending,
    out: &mut Vec<u8>,
) {
    let (m, t) = (c.model, c.tables);
    pending.clear();
    if plan.constant {
        pending.symbol(&m.kinds, CONSTANT);
        pending.bits(u32::from(words[0]), 16);
        pending.finish(out);
        return;
    }
    pending.symbol(&m.kinds, plan.refs.len() as u8 * 8 + plan.head.lift);
    pending.symbol(&m.scales, plan.head.scale);
    for (k, &r) in plan.refs.iter().enumerate() {
        pending.wide(c.ordinals[r as usize], key_bits(c.keys));
        pending.symbol(&m.weights, plan.head.weights[k] as u8);
    }
    walk(t, &plan.head, refs, words, &mut [], |j, s, v, fits| {
        let (low, high, open) = cell(v, m.mantissa, s.coarse);
        let (low, high) = (cdf(s, t, low), cdf(s, t, high));
        let a = v ^ (v >> 31);
        if fits && high > low && a >> open > 0 {
            pending.range(low as u32, high as u32);
            let missing = (m.mantissa + open).saturating_sub(31 - a.leading_zeros());
            pending.bits(u32::from(words[j]) & ((1 << missing) - 1), missing);
        } else {
            pending.range(2 * half(t) as u32, 1 << 16);
            pending.bits(u32::from(words[j]), 16);
        }
    });
    pending.finish(out);
}

/// Bits that a row's words take, near enough to compare models.
pub fn cost(t: &Tables, mantissa: u32, head: &Head, refs: &[&[i8]; REFS], words: &[u16]) -> f64 {
    let mut bits = 0.0;
    let escape = 32.0 - log2(f64::from((1 << 16) - 2 * half(t)));
    walk(t, head, refs, words, &mut [], |_, s, v, fits| {
        let (low, high, open) = cell(v, mantissa, s.coarse);
        let (low, high) = (cdf(s, t, low), cdf(s, t, high));
        let a = v ^ (v >> 31);
        bits += if fits && high > low && a >> open > 0 {
            let missing = (mantissa + open).saturating_sub(31 - a.leading_zeros());
            16.0 - log2(f64::from(high - low)) + f64::from(missing)
        } else {
            escape
        };
    });
    bits
}
