//! Which rows are similar, and which become keys that others may refer to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::exact::log2;
use crate::codec::ordered::for_each_in_order;
use crate::kernel::Backend;
use crate::kernel::dense::similar::{Best, QUERIES, Set, length, search};

/// Groups of a set that fit the nearest cache together with the queries of a block.
const TILE: usize = 32;
/// Queries that one unit of work carries through all tiles.
const SPAN: usize = QUERIES * 128;

/// Innovations of all rows: `stride` each, a multiple of four.
pub struct Innovations {
    /// One row after another.
    pub all: Vec<i8>,
    /// Length of a row, filled with zeros.
    pub stride: usize,
    /// Words in a row.
    pub dim: usize,
}

impl Innovations {
    /// A row's.
    pub fn row(&self, row: u32) -> &[i8] {
        &self.all[row as usize * self.stride..][..self.dim]
    }

    fn sketch(&self, row: u32, dims: usize) -> &[i8] {
        &self.all[row as usize * self.stride..][..dims]
    }
}

/// How to search.
#[derive(Clone, Copy)]
pub struct Search {
    /// Instruction set of the comparison.
    pub backend: Backend,
    /// Dimensions that are compared at first: a multiple of four.
    pub sketch: usize,
    /// Similar rows to find.
    pub limit: usize,
    /// Smallest cosine that matters.
    pub floor: f32,
}

/// For each of `queries`, its most similar rows among `members` with their cosines, most similar first.
pub fn neighbours(
    e: &Innovations,
    queries: &[u32],
    members: &[u32],
    how: Search,
    done: &mut dyn FnMut(usize),
) -> Vec<Vec<(f32, u32)>> {
    let set = Set::new(how.sketch, members.iter().map(|&r| e.sketch(r, how.sketch)));
    let exact = how.sketch >= e.dim;
    // A sketch errs by about its dimensions' root.
    let floor = if exact { how.floor } else { (how.floor - 1.0 / (how.sketch as f32).sqrt()).max(0.05) };
    let span = |c: usize| {
        let queries = &queries[c * SPAN..queries.len().min((c + 1) * SPAN)];
        let open = |&q: &u32| Best::new(how.limit + 1, floor * length(e.sketch(q, how.sketch)));
        let mut best: Vec<Best> = queries.iter().map(open).collect();
        for tile in (0..set.groups()).step_by(TILE) {
            for (q, b) in queries.chunks(QUERIES).zip(best.chunks_mut(QUERIES)) {
                let q: Vec<&[i8]> = q.iter().map(|&q| e.sketch(q, how.sketch)).collect();
                search(how.backend, &set, tile..set.groups().min(tile + TILE), &q, b);
            }
        }
        let found = queries.iter().zip(best).map(|(&q, b)| {
            let list = b.list.into_iter().map(|(_, k)| members[k as usize]).filter(|&k| k != q);
            let own = norm(e.row(q));
            let cosine = |k: u32| dot(e.row(q), e.row(k)) / (own * norm(e.row(k))).max(1.0);
            let mut list: Vec<(f32, u32)> = list.map(|k| (cosine(k), k)).collect();
            list.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(&b.1)));
            list
        });
        found.collect::<Vec<_>>()
    };
    let mut lists = Vec::with_capacity(queries.len());
    let taken: Result<(), std::convert::Infallible> =
        for_each_in_order(0..queries.len().div_ceil(SPAN), span, |found| {
            done(found.len());
            lists.extend(found);
            Ok(())
        });
    let Ok(()) = taken;
    lists
}

/// Inner product.
pub fn dot(a: &[i8], b: &[i8]) -> f32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>() as f32
}

fn norm(a: &[i8]) -> f32 {
    dot(a, a).sqrt()
}

/// Bits that a reference with this cosine saves.
pub fn gain(cosine: f32, dim: usize) -> f32 {
    -0.5 * dim as f32 * log2(f64::from(1.0 - (cosine * cosine).min(0.9998))) as f32
}

/// Greedy choice of keys among `n` rows: a row becomes one while what it saves the others exceeds `loss` times what it
/// saves itself as a follower. `edges` are (row, key, bits), each pair once.
pub fn keys(n: usize, edges: &[(u32, u32, f32)], loss: f32) -> Vec<bool> {
    let mut start = vec![0usize; n + 1];
    for &(a, b, _) in edges {
        start[a as usize + 1] += 1;
        start[b as usize + 1] += 1;
    }
    for i in 0..n {
        start[i + 1] += start[i];
    }
    let mut fill = start.clone();
    let mut near = vec![(0u32, 0f32); edges.len() * 2];
    for &(a, b, g) in edges {
        near[fill[a as usize]] = (b, g);
        fill[a as usize] += 1;
        near[fill[b as usize]] = (a, g);
        fill[b as usize] += 1;
    }
    let (mut best, mut key) = (vec![0f32; n], vec![false; n]);
    let worth = |k: usize, best: &[f32], key: &[bool]| -> f32 {
        let saved: f32 = near[start[k]..start[k + 1]]
            .iter()
            .filter(|(r, _)| !key[*r as usize])
            .map(|&(r, g)| (g - best[r as usize]).max(0.0))
            .sum();
        saved - loss * best[k]
    };
    // Whole bits in the heap keep its order total; worth only falls, so a stale top is re-inserted.
    let mut heap: BinaryHeap<(i64, Reverse<usize>)> =
        (0..n).map(|k| ((worth(k, &best, &key) * 16.0) as i64, Reverse(k))).collect();
    while let Some((_, Reverse(k))) = heap.pop() {
        if key[k] {
            continue;
        }
        let w = (worth(k, &best, &key) * 16.0) as i64;
        if w <= 0 {
            continue;
        }
        if heap.peek().is_some_and(|top| top.0 > w) {
            heap.push((w, Reverse(k)));
            continue;
        }
        key[k] = true;
        best[k] = 0.0;
        for &(r, g) in &near[start[k]..start[k + 1]] {
            if !key[r as usize] {
                best[r as usize] = best[r as usize].max(g);
            }
        }
    }
    key
}

/// Each pair of similar rows once, by position in `rows` (which rises), with the bits it saves above `cost`.
pub fn edges(rows: &[u32], lists: &[Vec<(f32, u32)>], dim: usize, cost: f32) -> Vec<(u32, u32, f32)> {
    let mut out = Vec::new();
    for ((a, _), list) in (0u32..).zip(rows).zip(lists) {
        for &(cosine, other) in list {
            let saved = gain(cosine, dim) - cost;
            if saved > 0.0
                && let Ok(b) = rows.binary_search(&other)
            {
                let b = b as u32;
                out.push((a.min(b), a.max(b), saved));
            }
        }
    }
    out.sort_unstable_by_key(|e| (e.0, e.1));
    out.dedup_by_key(|e| (e.0, e.1));
    out
}
