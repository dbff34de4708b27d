//! Finds, for rows of innovations, the most similar rows of a set by the magnitude of the cosine.
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use crate::kernel::Backend;
use crate::kernel::backend::Isa;
use std::ops::Range;

/// Rows of a set whose products with a query are formed together.
pub const GROUP: usize = 16;
/// Queries that share one pass over the set.
pub const QUERIES: usize = 6;

/// Innovations are halved and limited, so that sums of products stay in 16 bits for a while.
fn halved(e: i8) -> i8 {
    (e >> 1).clamp(-31, 31)
}

/// Four innovations of each query in turn, and what undoes the offset of the set's bytes.
fn packed(stride: usize, queries: &[&[i8]]) -> (Vec<[i32; QUERIES]>, [i32; QUERIES]) {
    let (mut out, mut bias) = (vec![[0; QUERIES]; stride / 4], [0; QUERIES]);
    for (i, q) in queries.iter().enumerate() {
        for (p, e) in out.iter_mut().zip(q.chunks_exact(4)) {
            let e: [i8; 4] = std::array::from_fn(|k| halved(e[k]));
            p[i] = i32::from_le_bytes(e.map(|e| e as u8));
            bias[i] -= 32 * e.iter().map(|&e| e as i32).sum::<i32>();
        }
    }
    (out, bias)
}

/// Length of a row as [`search`] measures it.
pub fn length(row: &[i8]) -> f32 {
    (row.iter().map(|&e| halved(e) as i32 * halved(e) as i32).sum::<i32>() as f32).sqrt()
}

/// A set of rows packed for [`search`]: groups of sixteen, four dimensions of each row side by side, halved
/// and offset by 32.
pub struct Set {
    stride: usize,
    bytes: Vec<u8>,
    /// Reciprocal of each row's length; zero for filling.
    reciprocal: Vec<f32>,
}

impl Set {
    /// Packs `rows`, each of `stride` innovations.
    ///
    /// # Panics
    /// If `stride` is no multiple of four, or a row has another length.
    pub fn new<'a>(stride: usize, rows: impl ExactSizeIterator<Item = &'a [i8]>) -> Set {
        assert!(stride.is_multiple_of(4));
        let groups = rows.len().div_ceil(GROUP);
        let mut bytes = vec![32u8; groups * GROUP * stride];
        let mut reciprocal = vec![0f32; groups * GROUP];
        for (i, row) in rows.enumerate() {
            assert!(row.len() == stride);
            let base = i / GROUP * GROUP * stride + i % GROUP * 4;
            for (k, &e) in row.iter().enumerate() {
                bytes[base + k / 4 * GROUP * 4 + k % 4] = (halved(e) + 32) as u8;
            }
            let length = length(row);
            reciprocal[i] = if length > 0.0 { 1.0 / length } else { 0.0 };
        }
        Set { stride, bytes, reciprocal }
    }

    /// Number of groups of rows.
    pub fn groups(&self) -> usize {
        self.reciprocal.len() / GROUP
    }
}

/// One query's best rows so far.
pub struct Best {
    limit: usize,
    floor: f32,
    /// Cosine times the query's length, and the row's number in the set; most similar first.
    pub list: Vec<(f32, u32)>,
}

impl Best {
    /// Keeps up to `limit` rows whose magnitude of cosine times the query's length passes `floor`.
    pub fn new(limit: usize, floor: f32) -> Best {
        Best { limit, floor, list: Vec::with_capacity(limit + 1) }
    }

    fn offer(&mut self, score: f32, row: u32) {
        if score.abs() <= self.floor {
            return;
        }
        let at = self.list.partition_point(|b| b.0.abs() >= score.abs());
        self.list.insert(at, (score, row));
        self.list.truncate(self.limit);
        if self.list.len() == self.limit {
            self.floor = self.floor.max(self.list[self.limit - 1].0.abs());
        }
    }
}

/// Offers the rows of some groups of `set` to each of up to [`QUERIES`] queries.
///
/// # Panics
/// If there are more queries, or groups, or a query has another length than the set's rows.
pub fn search(backend: Backend, set: &Set, groups: Range<usize>, queries: &[&[i8]], best: &mut [Best]) {
    assert!(groups.start <= groups.end && groups.end <= set.groups());
    assert!(queries.len() <= QUERIES && best.len() == queries.len());
    assert!(queries.iter().all(|q| q.len() == set.stride));
    match backend.0 {
        Isa::Scalar => scalar::search(set, groups, queries, best),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has, and says whether it has
        // `sdot`.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { dotprod: true, .. } => unsafe { neon::search::<true>(set, groups, queries, best) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { dotprod: false, .. } => unsafe { neon::search::<false>(set, groups, queries, best) },
        // AVX-512 takes AVX2's loop.
        // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have AVX2.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::search(set, groups, queries, best) },
    }
}
