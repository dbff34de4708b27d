//! Memory that decoding works in, so that a caller allocates it once for many rows.

use super::LANES;

/// One vector of eight dwords.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub(super) struct Dwords(pub [i32; 8]);

/// For rows of one dimension.
pub struct Scratch {
    /// Streams side by side, [`Scratch::stride`] apart.
    pub(super) bytes: Vec<u8>,
    pub(super) stride: usize,
    /// Weighted innovations of reference rows: pairs of dimensions of up to [`LANES`] rows, eight to a vector.
    pub(super) near: Vec<Dwords>,
    /// The rows' own innovations, biased bytes, four dimensions to a dword.
    pub(super) seen: Vec<Dwords>,
    /// Their words, in pairs.
    pub(super) out: Vec<Dwords>,
    /// Eight rows of innovations, one after another.
    pub(super) row: Vec<i16>,
}

impl Scratch {
    /// Scratch for rows of `dim` words, decoded `lanes` at a time or fewer.
    pub fn new(dim: usize, lanes: usize) -> Scratch {
        // A row takes two coder words a word at most; an odd number of cache lines keeps rows out of each other's way.
        let stride = (4 * dim + 4).next_multiple_of(128) + 64;
        let wide = dim.next_multiple_of(32);
        let (bytes, vectors) = if lanes > 1 { (LANES * stride, wide / 2 * LANES / 8) } else { (0, 0) };
        let pairs = || vec![Dwords::default(); vectors];
        let seen = vec![Dwords::default(); vectors / 2];
        Scratch { bytes: vec![0; bytes], stride, near: pairs(), seen, out: pairs(), row: vec![0; 8 * wide] }
    }

    /// Rows that fit side by side.
    pub fn lanes(&self) -> usize {
        if self.bytes.is_empty() { 1 } else { LANES }
    }

    /// Whether it is large enough.
    pub(super) fn fits(&self, dim: usize, lanes: usize) -> bool {
        self.row.len() >= 8 * dim && (lanes <= 1 || self.bytes.len() >= LANES * (4 * dim + 4))
    }
}
