//! Rows of a predicted table: first the few, or all, that others refer to, then the rows themselves.

use std::sync::{Mutex, PoisonError};

use super::index::LAST;
use super::keys::{Few, Keys};
use super::model::Model;
use super::reader::StoredRows;
use super::row::{CONSTANT, TOGETHER};
use crate::kernel::dense::residual::{self, Head, Lane, REFS, Scratch, Tables, WEIGHTS};
use crate::kernel::{self, Backend};

/// What rows are decoded with.
pub struct Rows {
    model: Model,
    tables: Tables,
    /// Pass in which each row is decoded.
    levels: Vec<u8>,
    /// Rows that others may refer to, in order.
    keys: Vec<u32>,
    /// Innovations of all keys, decoded when many rows are wanted at once: a byte for each word of a key.
    all: Keys,
    /// Those of keys that few rows needed.
    few: Few,
    /// What finished calls left for others to work in.
    scratch: Mutex<Vec<Scratch>>,
    backend: Backend,
}

/// Innovations of keys.
enum Known<'a> {
    /// Of all.
    All(&'a Keys),
    /// Of those that are kept, and of some others, which are in order.
    Some { few: &'a Few, keys: &'a [u32], innovations: &'a [i8], dim: usize },
}

impl<'a> Known<'a> {
    fn of(&self, key: Key) -> Option<&'a [i8]> {
        match *self {
            Known::All(of) => of.of(key.number),
            Known::Some { few, keys, innovations, dim } => match keys.binary_search(&key.row) {
                Ok(k) => innovations.get(k * dim..(k + 1) * dim),
                Err(_) => few.of(key.number),
            },
        }
    }
}

/// A key that a row refers to.
#[derive(Clone, Copy, Default)]
struct Key {
    number: usize,
    row: u32,
}

/// A row's parameters, and the stream behind them.
struct Start<'a> {
    /// The word that fills the row.
    constant: Option<u16>,
    head: Head,
    /// Rows referred to.
    refs: [Key; REFS],
    count: usize,
    state: u32,
    rest: &'a [u8],
}

impl Start<'_> {
    fn refs(&self) -> &[Key] {
        &self.refs[..self.count]
    }
}

impl Rows {
    pub fn new(model: Model, levels: Vec<u8>, keys: Vec<u32>, backend: Backend) -> Rows {
        let tables = model.expand();
        let (all, scratch) = (Keys::new(tables.dim(), &keys, &levels), Mutex::new(Vec::new()));
        Rows { model, tables, levels, keys, all, few: Few::default(), scratch, backend }
    }

    /// Decodes rows, one after another. With `many`, the innovations of all keys are decoded before, once,
    /// and kept; unless that takes more than [`StoredRows::room`]. Otherwise those behind these rows are, and
    /// kept as far as half of that room goes.
    pub fn decode(&self, streams: &StoredRows<'_>, rows: &[u32], many: bool, out: &mut [u16]) -> Option<()> {
        let many = many && self.keys.len() <= streams.room() / self.tables.dim();
        let dim = self.tables.dim();
        let all = many || self.all.finished();
        let mut scratch = self.scratch(if rows.len() > 1 || !all { TOGETHER } else { 1 });
        if many {
            self.all.take_part(|rows, out| self.all_innovations(streams, rows, out, &mut scratch).is_some());
        }
        let (keys, innovations);
        let known = if all {
            Known::All(&self.all)
        } else {
            keys = self.behind(streams, rows)?;
            innovations = self.innovations(streams, &keys, &mut scratch)?;
            for (key, innovations) in keys.iter().zip(innovations.chunks_exact(dim)) {
                let number = self.keys.binary_search(key).ok()?;
                self.few.keep(number, self.keys.len(), innovations, streams.room() / 2);
            }
            Known::Some { few: &self.few, keys: &keys, innovations: &innovations, dim }
        };
        for (rows, out) in rows.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * dim)) {
            self.group(streams, rows, &known, out, &mut [], &mut scratch)?;
        }
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        Some(())
    }

    /// Bytes of innovations that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.all.kept() + self.few.kept()
    }

    fn scratch(&self, lanes: usize) -> Scratch {
        let mut left = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = left.iter().position(|scratch| scratch.fits(self.backend, self.tables.dim(), lanes));
        fitting.map_or_else(|| Scratch::new(self.backend, self.tables.dim(), lanes), |k| left.swap_remove(k))
    }

    /// All keys that rows build on and that are not kept, in order.
    fn behind(&self, streams: &StoredRows<'_>, rows: &[u32]) -> Option<Vec<u32>> {
        let mut found: Vec<u32> = Vec::new();
        let mut next: Vec<u32> = rows.to_vec();
        // References lead to lower levels, so this ends after the last.
        while !next.is_empty() {
            let mut refs = Vec::new();
            for &row in &next {
                let start = self.start(streams, row)?;
                let unknown = start.refs().iter().filter(|key| self.few.of(key.number).is_none());
                refs.extend(unknown.map(|key| key.row));
            }
            refs.sort_unstable();
            refs.dedup();
            refs.retain(|key| found.binary_search(key).is_err());
            refs.iter().try_for_each(|&key| streams.check(key))?;
            found.extend_from_slice(&refs);
            found.sort_unstable();
            next = refs;
        }
        Some(found)
    }

    /// Innovations of a group of keys, while those of all are decoded.
    fn all_innovations(
        &self,
        streams: &StoredRows<'_>,
        rows: &[u32],
        out: &mut [i8],
        scratch: &mut Scratch,
    ) -> Option<()> {
        rows.iter().try_for_each(|&key| streams.check(key))?;
        let known = Known::All(&self.all);
        self.group(streams, rows, &known, &mut vec![0; out.len()], out, scratch)
    }

    /// Innovations of `keys`, level by level; they build on none but each other.
    fn innovations(&self, streams: &StoredRows<'_>, keys: &[u32], scratch: &mut Scratch) -> Option<Vec<i8>> {
        let dim = self.tables.dim();
        keys.iter().try_for_each(|&key| streams.check(key))?;
        let mut all = vec![0i8; keys.len() * dim];
        let most = keys.len().min(TOGETHER) * dim;
        let (mut words, mut new) = (vec![0; most], vec![0i8; most]);
        for level in 0..LAST {
            let at: Vec<usize> =
                (0..keys.len()).filter(|&k| self.levels[keys[k] as usize] == level).collect();
            for group in at.chunks(TOGETHER) {
                let mut rows = [0; TOGETHER];
                rows.iter_mut().zip(group).for_each(|(row, &k)| *row = keys[k]);
                let n = group.len() * dim;
                let known = Known::Some { few: &self.few, keys, innovations: &all, dim };
                let rows = &rows[..group.len()];
                self.group(streams, rows, &known, &mut words[..n], &mut new[..n], scratch)?;
                for (&k, new) in group.iter().zip(new.chunks_exact(dim)) {
                    all[k * dim..(k + 1) * dim].copy_from_slice(new);
                }
            }
        }
        Some(all)
    }

    /// Decodes up to [`TOGETHER`] rows side by side. `innovations` may be empty.
    fn group(
        &self,
        streams: &StoredRows<'_>,
        rows: &[u32],
        known: &Known<'_>,
        out: &mut [u16],
        innovations: &mut [i8],
        scratch: &mut Scratch,
    ) -> Option<()> {
        let dim = self.tables.dim();
        let (mut lanes, mut words, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept_parts = innovations.chunks_exact_mut(dim);
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(dim)) {
            let start = self.start(streams, row)?;
            let e = kept_parts.next().unwrap_or_default();
            if let Some(word) = start.constant {
                out.fill(word);
                e.fill(0);
                continue;
            }
            let mut refs = [&[][..]; REFS];
            for (slot, &key) in refs.iter_mut().zip(start.refs()) {
                *slot = known.of(key)?;
                kernel::prefetch(slot);
            }
            lanes.push(Lane { head: start.head, state: start.state, stream: start.rest, refs });
            words.push(out);
            kept.push(e);
        }
        residual::decode(self.backend, &self.tables, &lanes, &mut words, &mut kept, scratch).then_some(())
    }

    /// Reads the head of a row.
    fn start<'a>(&self, streams: &StoredRows<'a>, row: u32) -> Option<Start<'a>> {
        let mut r = streams.of(row);
        let kind = r.symbol(&self.model.kinds);
        let (head, refs) = (Head::default(), [Key::default(); REFS]);
        let mut s = Start { constant: None, head, refs, count: usize::from(kind / 8), state: 0, rest: &[] };
        if kind == CONSTANT {
            (s.constant, s.count) = (Some(r.bits(16) as u16), 0);
            return r.done().then_some(s);
        }
        s.head.lift = kind % 8;
        s.head.scale = r.symbol(&self.model.scales);
        if s.count > REFS || s.head.scale > 127 {
            return None;
        }
        for k in 0..s.count {
            let number = self.model.numbers.take(&mut r) as usize;
            let row_of_key = *self.keys.get(number)?;
            s.head.weights[k] = r.symbol(&self.model.weights) as i8;
            // Levels rise along references, so following them ends.
            if self.levels[row_of_key as usize] >= self.levels[row as usize] {
                return None;
            }
            s.refs[k] = Key { number, row: row_of_key };
        }
        if s.head.weighs() > WEIGHTS {
            return None;
        }
        (s.state, s.rest) = (r.state, r.rest);
        Some(s)
    }
}
