//! What rows side by side begin with: their streams, their parameters, their references' innovations.

use super::super::{Lane, REFS};
use super::LANES;
use super::scratch::Dwords;

/// Bytes of a stream that its row can take, in whole coder words: two of these a word at most.
pub fn readable(stream: &[u8], dim: usize) -> usize {
    (stream.len() / 2 * 2).min(4 * dim)
}

/// Copies streams side by side, `stride` apart, so that 32-bit offsets reach them and nothing is read past a
/// slice.
pub fn lay_out(lanes: &[Lane<'_>], dim: usize, stride: usize, bytes: &mut [u8]) {
    assert!(stride >= 4 * dim + 4 && lanes.len() <= LANES && bytes.len() >= LANES * stride);
    for (l, bytes) in lanes.iter().zip(bytes.chunks_exact_mut(stride)) {
        let n = readable(l.stream, dim);
        bytes[..n].copy_from_slice(&l.stream[..n]);
    }
}

/// Parameters of up to `W` rows. Those of a lane without a row are zero: it runs along on a scale of one, so
/// that its search ends too.
pub struct Parameters<const W: usize> {
    pub octave: [i32; W],
    /// Eighth of the octave.
    pub part: [i32; W],
    pub lift: [i32; W],
    pub state: [i32; W],
    /// Where the copied streams begin and end.
    pub at: [i32; W],
    pub ends: [i32; W],
}

impl<const W: usize> Parameters<W> {
    /// Of the first `W` of `lanes`, of `dim` words each; their streams begin `stride` apart, the first at
    /// `begin`.
    pub fn new(lanes: &[Lane<'_>], dim: usize, begin: usize, stride: usize) -> Parameters<W> {
        let mut of = [[0i32; W]; 6];
        for (i, l) in lanes.iter().enumerate().take(W) {
            let at = begin + i * stride;
            let column = [
                i32::from(l.head.scale >> 3),
                i32::from(l.head.scale & 7),
                i32::from(l.head.lift),
                l.state as i32,
                at as i32,
                (at + readable(l.stream, dim)) as i32,
            ];
            of.iter_mut().zip(column).for_each(|(of, v)| of[i] = v);
        }
        let [octave, part, lift, state, at, ends] = of;
        Parameters { octave, part, lift, state, at, ends }
    }
}

/// Weighted innovations of the reference rows of up to `8 * N` rows: a sum fits 16 bits. `put` gets those of
/// each eight rows, one row after another in `row`, and where they go in `near`, of every `N`th vector.
#[inline(always)]
pub fn weigh<const N: usize>(
    lanes: &[Lane<'_>],
    row: &mut [i16],
    near: &mut [Dwords],
    mut put: impl FnMut(&[i16], &mut [Dwords]),
) {
    if lanes.iter().all(|l| l.refs.iter().all(|r| r.is_empty())) {
        near.fill(Dwords::default());
        return;
    }
    let stride = row.len() / 8;
    for h in 0..N {
        row.fill(0);
        for (l, sum) in lanes.iter().skip(8 * h).zip(row.chunks_exact_mut(stride)) {
            for k in 0..REFS {
                let w = i16::from(l.head.weights[k]);
                for (s, &e) in sum.iter_mut().zip(l.refs[k]) {
                    *s += i16::from(e) * w;
                }
            }
        }
        put(row, &mut near[h..]);
    }
}
