//! Which rows become keys that others may refer to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::exact::log2;
use super::neighbours::Lists;

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

/// Each pair of similar rows once, by position, with the bits it saves above `cost`.
pub fn edges(lists: &Lists, dim: usize, cost: f32) -> Vec<(u32, u32, f32)> {
    let mut out = Vec::new();
    for (a, list) in (0u32..).zip(lists) {
        for &(cosine, b) in list {
            let saved = gain(cosine, dim) - cost;
            if saved > 0.0 {
                out.push((a.min(b), a.max(b), saved));
            }
        }
    }
    out.sort_unstable_by_key(|e| (e.0, e.1));
    out.dedup_by_key(|e| (e.0, e.1));
    out
}
