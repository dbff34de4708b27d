//! Which rows are similar: all pairs are compared by a sketch of some dimensions, the best of each row by all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::kernel::Backend;
use crate::kernel::dense::similar::{GROUP, Hit, LARGEST, Set, dot, search};

/// Rows that are compared with as many others at a time: two such spans fit a nearer cache.
const SPAN: usize = 64 * GROUP;
/// Root mean square of the values of a sketch.
const LEVEL: f32 = 8.0;

/// Innovations of rows: `stride` each, a multiple of four.
pub struct Innovations {
    /// Instruction set that compares rows; what is found does not depend on it.
    pub backend: Backend,
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

    /// A row's, to be changed.
    pub fn row_mut(&mut self, row: u32) -> &mut [i8] {
        &mut self.all[row as usize * self.stride..][..self.dim]
    }

    /// Keeps these rows, in ascending order, under the numbers from 0 on.
    pub fn keep(&mut self, rows: &[u32]) {
        for (number, &row) in rows.iter().enumerate() {
            let row = row as usize * self.stride;
            self.all.copy_within(row..row + self.stride, number * self.stride);
        }
        self.all.truncate(rows.len() * self.stride);
        self.all.shrink_to_fit();
    }

    /// A row's with the zeros behind it.
    fn padded(&self, row: u32) -> &[i8] {
        &self.all[row as usize * self.stride..][..self.stride]
    }

    /// Inner product of two rows of innovations.
    pub fn dot(&self, a: &[i8], b: &[i8]) -> f32 {
        dot(self.backend, a, b) as f32
    }

    /// Cosine of a row of innovations of length `norm` with another row's.
    pub fn cosine(&self, own: &[i8], norm: f32, other: u32) -> f32 {
        let other = self.row(other);
        self.dot(own, other) / (norm * self.dot(other, other).sqrt()).max(1.0)
    }

    /// Writes the first dimensions of a row, brought to [`LEVEL`].
    fn sketch(&self, row: &[i8], out: &mut [i8]) {
        let row = &row[..out.len()];
        let scale = LEVEL * (row.len() as f32 / self.dot(row, row).max(1.0)).sqrt();
        let most = f32::from(LARGEST);
        out.iter_mut().zip(row).for_each(|(out, &e)| *out = (f32::from(e) * scale).clamp(-most, most) as i8);
    }
}

/// How to search.
#[derive(Clone, Copy)]
pub struct Search {
    /// Dimensions of the sketch: a multiple of four.
    pub sketch: usize,
    /// Similar rows that a sketch is to find, of which the most similar are kept.
    pub found: usize,
    /// Similar rows to keep.
    pub kept: usize,
    /// Smallest cosine that matters.
    pub floor: f32,
}

/// Similar rows, most similar first, by position among the rows that were searched; and their cosines.
pub type Lists = Vec<Vec<(f32, u32)>>;

/// For each of `rows`, its most similar others.
pub fn neighbours(e: &Innovations, rows: &[u32], how: Search, done: &mut dyn FnMut(f64)) -> Lists {
    let sketch = how.sketch.min(e.stride);
    let set = Set::new(sketch, rows.len(), |i, out| e.sketch(e.padded(rows[i]), out));
    // A sketch errs by about its dimensions' root.
    let exact = sketch >= e.dim;
    let floor = if exact { how.floor } else { (how.floor - 1.0 / (sketch as f32).sqrt()).max(0.05) };
    let floor = (floor * LEVEL * LEVEL * sketch as f32) as i32;
    let spans: Vec<Mutex<Span>> = (0..rows.len())
        .step_by(SPAN)
        .map(|first| Mutex::new(Span::new(first, SPAN.min(rows.len() - first), floor, how.found)))
        .collect();
    // Every span meets every other once, in rounds in which each has one partner at most: so spans are never
    // waited for, and lists do not depend on the number of threads.
    let places = spans.len().next_multiple_of(2);
    spans.par_iter().for_each(|span| within(e.backend, &set, &mut lock(span)));
    for round in 0..places.saturating_sub(1) {
        let pair = |k: usize| -> Option<[usize; 2]> {
            let turn = |i: usize| (round + i) % (places - 1);
            let (a, b) = if k == 0 { (places - 1, turn(0)) } else { (turn(k), turn(places - 1 - k)) };
            (a.max(b) < spans.len()).then_some([a.min(b), a.max(b)])
        };
        (0..places / 2).into_par_iter().filter_map(pair).for_each(|[a, b]| {
            between(e.backend, &set, &mut lock(&spans[a]), &mut lock(&spans[b]));
        });
        done((round + 1) as f64 / places as f64);
    }
    drop(set);
    let lists = spans.into_par_iter().flat_map_iter(|span| {
        let span = span.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first = span.first;
        span.lists.into_iter().enumerate().map(move |(i, list)| ranked(e, rows, first + i, list, how))
    });
    lists.collect()
}

/// The most similar of what a sketch found, by all dimensions.
fn ranked(e: &Innovations, rows: &[u32], at: usize, list: List, how: Search) -> Vec<(f32, u32)> {
    let own = e.row(rows[at]);
    let norm = e.dot(own, own).sqrt();
    let cosine = |other: u32| e.cosine(own, norm, rows[other as usize]);
    let mut list: Vec<(f32, u32)> = list.found.iter().map(|&(_, k)| (cosine(k), k)).collect();
    list.retain(|(cosine, _)| cosine.abs() > how.floor);
    list.sort_unstable_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(&b.1)));
    list.truncate(how.kept);
    list.shrink_to_fit();
    list
}

fn lock(span: &Mutex<Span>) -> MutexGuard<'_, Span> {
    span.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Some rows, and what was found for them.
struct Span {
    first: usize,
    floors: Vec<i32>,
    lists: Vec<List>,
}

/// Rows similar to one: magnitude of the score, and position.
struct List {
    most: usize,
    found: Vec<(i32, u32)>,
}

impl Span {
    fn new(first: usize, rows: usize, floor: i32, most: usize) -> Span {
        let lists = (0..rows).map(|_| List { most, found: Vec::new() }).collect();
        // Rows that fill up a group score nothing.
        let mut floors = vec![floor; rows];
        floors.resize(rows.next_multiple_of(GROUP), i32::MAX);
        Span { first, floors, lists }
    }

    fn groups(&self) -> std::ops::Range<usize> {
        self.first / GROUP..(self.first + self.lists.len()).div_ceil(GROUP)
    }

    fn offer(&mut self, row: u32, other: u32, score: i32) {
        let at = row as usize - self.first;
        if score > self.floors[at]
            && let Some(floor) = self.lists[at].offer(other, score)
        {
            self.floors[at] = floor;
        }
    }
}

impl List {
    /// Takes a row; returns the floor where that rises.
    fn offer(&mut self, row: u32, score: i32) -> Option<i32> {
        // Most rows find as many as there is room for, which doubling would pass.
        let room = self.most + self.most / 4;
        if self.found.len() == self.found.capacity() {
            self.found.reserve_exact(room.div_ceil(2));
        }
        self.found.push((score, row));
        if self.found.len() < room {
            return None;
        }
        let order = |a: &(i32, u32), b: &(i32, u32)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
        let (_, last, _) = self.found.select_nth_unstable_by(self.most - 1, order);
        let floor = last.0;
        self.found.truncate(self.most);
        Some(floor)
    }
}

/// Queries after which floors are read again.
const BATCH: usize = 96;

/// Compares the rows of a span with each other.
fn within(backend: Backend, set: &Set, span: &mut Span) {
    let mut hits = Vec::new();
    for from in (0..span.lists.len()).step_by(BATCH) {
        let to = span.lists.len().min(from + BATCH);
        let queries = span.first + from..span.first + to;
        search(
            backend,
            [set, set],
            queries,
            span.groups(),
            [&span.floors[from..to], &span.floors],
            &mut hits,
        );
        for Hit { query, member, score } in hits.drain(..) {
            if query < member {
                span.offer(query, member, score.abs());
                span.offer(member, query, score.abs());
            }
        }
    }
}

/// Compares the rows of two spans.
fn between(backend: Backend, set: &Set, a: &mut Span, b: &mut Span) {
    let mut hits = Vec::new();
    for from in (0..a.lists.len()).step_by(BATCH) {
        let to = a.lists.len().min(from + BATCH);
        let queries = a.first + from..a.first + to;
        search(backend, [set, set], queries, b.groups(), [&a.floors[from..to], &b.floors], &mut hits);
        for Hit { query, member, score } in hits.drain(..) {
            a.offer(query, member, score.abs());
            b.offer(member, query, score.abs());
        }
    }
}
