//! Memory that rows side by side are decoded in.

use super::LANES;

/// One vector of eight dwords.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub struct Dwords(pub [i32; 8]);

/// For up to [`LANES`] rows of one dimension.
pub struct Side {
    /// Streams side by side, [`Side::stride`] apart.
    pub bytes: Vec<u8>,
    pub stride: usize,
    /// Weighted innovations of reference rows: pairs of dimensions of up to [`LANES`] rows, eight to a
    /// vector; the two of a row side by side, or those of all rows one behind the other.
    pub near: Vec<Dwords>,
    /// The rows' own innovations, bytes, biased or not, four dimensions to a dword.
    pub seen: Vec<Dwords>,
    /// Their words, in pairs.
    pub out: Vec<Dwords>,
    /// Eight rows of innovations, one after another.
    pub row: Vec<i16>,
}

impl Side {
    pub fn new(dim: usize) -> Side {
        // A row takes two coder words a word at most; an odd number of cache lines keeps rows out of each
        // other's way.
        let stride = (4 * dim + 4).next_multiple_of(128) + 64;
        let wide = dim.next_multiple_of(32);
        let vectors = wide / 2 * LANES / 8;
        let pairs = || vec![Dwords::default(); vectors];
        let seen = vec![Dwords::default(); vectors / 2];
        Side {
            bytes: vec![0; LANES * stride],
            stride,
            near: pairs(),
            seen,
            out: pairs(),
            row: vec![0; 8 * wide],
        }
    }

    /// Whether it is large enough.
    pub fn fits(&self, dim: usize) -> bool {
        self.row.len() >= 8 * dim && self.bytes.len() >= LANES * (4 * dim + 4)
    }
}
