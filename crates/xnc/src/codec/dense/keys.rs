//! Innovations of all keys, decoded once by whatever threads want many rows.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::index::LAST;
use super::row::TOGETHER;

/// A group's innovations, one key after another; none where a key is damaged.
type Group = Option<Box<[i8]>>;

/// The keys in the order of their levels, in groups that are decoded side by side. A thread takes the next group
/// that none has taken; what it needs of a lower level has then been taken before, by it or by a thread that is at it,
/// so waiting for that ends. None waits in a thread pool, where it would be handed other work.
pub struct Keys {
    dim: usize,
    /// Rows, level by level.
    order: Vec<u32>,
    /// By number of a key: [`TOGETHER`] times its group, and its place there.
    place: Vec<usize>,
    groups: Vec<Member>,
    next: AtomicUsize,
    finished: AtomicUsize,
}

struct Member {
    range: std::ops::Range<usize>,
    innovations: OnceLock<Group>,
}

impl Keys {
    /// `keys` are rows, in order, and `levels` those of all rows.
    pub fn new(dim: usize, keys: &[u32], levels: &[u8]) -> Keys {
        let (mut order, mut place, mut groups) = (Vec::new(), vec![0; keys.len()], Vec::new());
        for level in 0..LAST {
            let start = order.len();
            for (&key, place) in keys.iter().zip(&mut place) {
                if levels[key as usize] == level {
                    *place = groups.len() * TOGETHER + order.len() - start;
                    order.push(key);
                }
            }
            for from in (start..order.len()).step_by(TOGETHER) {
                let range = from..order.len().min(from + TOGETHER);
                groups.push(Member { range, innovations: OnceLock::new() });
            }
        }
        Keys { dim, order, place, groups, next: AtomicUsize::new(0), finished: AtomicUsize::new(0) }
    }

    /// Whether all are there.
    pub fn finished(&self) -> bool {
        self.finished.load(Ordering::Acquire) == self.groups.len()
    }

    /// Decodes groups until none is left that no thread has taken: `decode` gets rows, and memory for their
    /// innovations; it returns whether they are whole.
    pub fn take_part(&self, mut decode: impl FnMut(&[u32], &mut [i8]) -> bool) {
        while self.next.load(Ordering::Relaxed) < self.groups.len() {
            let taken = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(member) = self.groups.get(taken) else { return };
            // Also where `decode` panics: others may be waiting.
            let mut done = Done { keys: self, member, group: None };
            let rows = &self.order[member.range.clone()];
            let mut innovations = vec![0; rows.len() * self.dim].into_boxed_slice();
            if decode(rows, &mut innovations) {
                done.group = Some(innovations);
            }
        }
    }

    /// The innovations of key number `key`, which some thread has taken; none where the key is damaged.
    pub fn of(&self, key: usize) -> Option<&[i8]> {
        let (group, at) = (self.place[key] / TOGETHER, self.place[key] % TOGETHER);
        let group = self.groups[group].innovations.wait().as_deref()?;
        group.get(at * self.dim..)?.get(..self.dim)
    }

    /// Bytes of innovations that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        let of = |member: &Member| member.innovations.get()?.as_ref().map(|group| group.len());
        self.groups.iter().filter_map(of).sum()
    }
}

/// The innovations of one key.
type One = OnceLock<Box<[i8]>>;

/// Innovations of single keys that few rows needed, kept for the next ones.
#[derive(Default)]
pub struct Few {
    /// By number of a key; made when the first is kept.
    of: OnceLock<Box<[One]>>,
    kept: AtomicUsize,
}

impl Few {
    /// The innovations of key number `key`, if they were kept.
    pub fn of(&self, key: usize) -> Option<&[i8]> {
        self.of.get()?[key].get().map(|innovations| &innovations[..])
    }

    /// Keeps those of key number `key` of so many, unless all together would take more than `room` bytes.
    pub fn keep(&self, key: usize, keys: usize, innovations: &[i8], room: usize) {
        let of = self.of.get_or_init(|| std::iter::repeat_with(One::new).take(keys).collect());
        // Threads that keep the same key at once count it twice: `room` is never passed.
        let kept = || self.kept.fetch_add(innovations.len(), Ordering::Relaxed) + innovations.len();
        if of[key].get().is_none() && kept() <= room {
            let _first = of[key].set(innovations.into());
        }
    }

    /// Bytes of innovations that are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        let kept = self.of.get().map_or(&[][..], |of| of).iter().filter_map(|one| one.get());
        kept.map(|innovations| innovations.len()).sum()
    }
}

/// Hands a group over when it is dropped.
struct Done<'a> {
    keys: &'a Keys,
    member: &'a Member,
    group: Group,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let _first = self.member.innovations.set(self.group.take());
        self.keys.finished.fetch_add(1, Ordering::Release);
    }
}
