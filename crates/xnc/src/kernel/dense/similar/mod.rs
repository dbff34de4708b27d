//! Finds the rows of a set that are similar to others of it, by sums of products of small integers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
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
/// Largest magnitude of a value: sums of products stay in 16 bits for a while.
pub const LARGEST: i8 = 31;
/// Values of the set are stored as unsigned bytes, this much larger.
const OFFSET: u8 = 32;

/// Sums of products of a group of rows with each query.
type Scores = [[i32; GROUP]; QUERIES];

/// Rows of small integers: groups of sixteen, four dimensions of each row side by side.
pub struct Set {
    stride: usize,
    bytes: Vec<u8>,
}

/// Two similar rows of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub query: u32,
    pub member: u32,
    /// Sum of the products of their values.
    pub score: i32,
}

impl Set {
    /// Packs `rows` rows of `stride` values, which `row` writes; larger ones are cut to [`LARGEST`].
    ///
    /// # Panics
    /// If `stride` is no multiple of four.
    pub fn new(stride: usize, rows: usize, mut row: impl FnMut(usize, &mut [i8])) -> Set {
        assert!(stride.is_multiple_of(4));
        let mut bytes = vec![OFFSET; rows.div_ceil(GROUP) * GROUP * stride];
        let mut values = vec![0; stride];
        for i in 0..rows {
            row(i, &mut values);
            let base = i / GROUP * GROUP * stride + i % GROUP * 4;
            for (k, four) in values.chunks_exact(4).enumerate() {
                let to = &mut bytes[base + k * GROUP * 4..][..4];
                to.iter_mut().zip(four).for_each(|(to, v)| {
                    *to = OFFSET.wrapping_add_signed((*v).clamp(-LARGEST, LARGEST));
                });
            }
        }
        Set { stride, bytes }
    }

    /// Number of groups of rows; those that fill up the last one are zero.
    pub fn groups(&self) -> usize {
        self.bytes.len().checked_div(GROUP * self.stride).unwrap_or(0)
    }

    fn group(&self, group: usize) -> &[u8] {
        &self.bytes[group * GROUP * self.stride..][..GROUP * self.stride]
    }
}

/// Queries as loops take them.
struct Packed {
    /// Four values of each query in turn.
    values: Vec<[i32; QUERIES]>,
    /// What undoes the offset of the set's bytes.
    bias: [i32; QUERIES],
}

impl Packed {
    fn new(set: &Set, queries: Range<usize>) -> Packed {
        let (mut values, mut bias) = (vec![[0; QUERIES]; set.stride / 4], [0; QUERIES]);
        for (i, q) in queries.enumerate() {
            let group = set.group(q / GROUP);
            let mut sum = 0;
            for (to, fours) in values.iter_mut().zip(group.chunks_exact(GROUP * 4)) {
                let four: &[u8; 4] = fours[q % GROUP * 4..].first_chunk().expect("four of each row");
                let four = four.map(|v| v.wrapping_sub(OFFSET));
                sum += four.iter().map(|v| i32::from(v.cast_signed())).sum::<i32>();
                to[i] = i32::from_le_bytes(four);
            }
            bias[i] = -i32::from(OFFSET) * sum;
        }
        Packed { values, bias }
    }
}

/// The sum of the products of two rows of innovations.
///
/// # Panics
/// If they have not the same length, or more than 2^17 values.
pub fn dot(backend: Backend, a: &[i8], b: &[i8]) -> i32 {
    assert!(a.len() == b.len() && a.len() <= 1 << 17);
    match backend.0 {
        Isa::Scalar => scalar::dot(a, b),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon { .. } => scalar::dot(a, b),
        // SAFETY: a `Backend` exists only for an instruction set that this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2::dot(a, b) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 { .. } => unsafe { avx512::dot(a, b) },
    }
}

/// Compares the rows `queries` of a set with some groups of rows of a set, the same or another, and appends pairs
/// whose magnitude of the score passes the lower of their two floors: `floors` has those of the queries, and of the
/// groups' rows. A floor is not negative.
///
/// # Panics
/// If there are no such rows or groups, not as many floors, or rows of the sets differ in length.
pub fn search(
    backend: Backend,
    [own, set]: [&Set; 2],
    queries: Range<usize>,
    groups: Range<usize>,
    floors: [&[i32]; 2],
    hits: &mut Vec<Hit>,
) {
    assert!(groups.start <= groups.end && groups.end <= set.groups());
    assert!(queries.start <= queries.end && queries.end <= own.groups() * GROUP && own.stride == set.stride);
    assert!(floors[0].len() == queries.len() && floors[1].len() == groups.len() * GROUP);
    for (i, of) in floors[0].chunks(QUERIES).enumerate() {
        let first = queries.start + i * QUERIES;
        let packed = Packed::new(own, first..first + of.len());
        let mut found = Found { first: first as u32, floors: [of, floors[1]], hits };
        match backend.0 {
            Isa::Scalar => scalar::search(set, &packed, groups.clone(), &mut found),
            // SAFETY: a `Backend` exists only for an instruction set that this machine has, and says whether
            // it has `sdot`.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { dotprod: true, .. } => unsafe {
                neon::search::<true>(set, &packed, groups.clone(), &mut found)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { dotprod: false, .. } => unsafe {
                neon::search::<false>(set, &packed, groups.clone(), &mut found)
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::search(set, &packed, groups.clone(), &mut found) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => unsafe { avx512::search(set, &packed, groups.clone(), &mut found) },
        }
    }
}

/// Takes scores of a block of queries.
struct Found<'a> {
    first: u32,
    floors: [&'a [i32]; 2],
    hits: &'a mut Vec<Hit>,
}

impl Found<'_> {
    /// Of group `group`, the `number`th that is searched. Inlined, to become vectors of the caller's.
    #[inline(always)]
    fn take(&mut self, group: usize, number: usize, scores: &Scores) {
        let members: &[i32; GROUP] =
            self.floors[1][number * GROUP..].first_chunk().expect("a group of floors");
        for ((query, scores), &floor) in (self.first..).zip(scores).zip(self.floors[0]) {
            let mut hit = [false; GROUP];
            let mut any = false;
            for k in 0..GROUP {
                hit[k] = scores[k].abs() > floor.min(members[k]);
                any |= hit[k];
            }
            if any {
                for k in (0..GROUP).filter(|&k| hit[k]) {
                    let member = (group * GROUP + k) as u32;
                    self.hits.push(Hit { query, member, score: scores[k] });
                }
            }
        }
    }
}
