//! Tensors by name.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::Tensor;

/// Positions of tensors, found by a hash of their names. Names are whatever a hostile file says, so the hash
/// is seeded; they are not kept a second time.
#[derive(Clone, Debug)]
pub(super) struct Index {
    positions: HashTable<usize>,
    hasher: RandomState,
}

impl Index {
    /// Indexes tensors, or names one that stands twice.
    pub(super) fn new(tensors: &[Tensor]) -> std::result::Result<Index, &str> {
        let hasher = RandomState::new();
        // Sized by tensors that were read, not by a count that a file claims.
        let mut positions = HashTable::with_capacity(tensors.len());
        let hash = |&position: &usize| hasher.hash_one(tensors[position].name.as_str());
        for (position, tensor) in tensors.iter().enumerate() {
            let same = |&other: &usize| tensors[other].name == tensor.name;
            match positions.entry(hash(&position), same, hash) {
                hashbrown::hash_table::Entry::Occupied(_) => return Err(&tensor.name),
                hashbrown::hash_table::Entry::Vacant(free) => free.insert(position),
            };
        }
        Ok(Index { positions, hasher })
    }

    /// Where in `tensors`, which are those that were indexed, the tensor of that name stands.
    pub(super) fn find(&self, tensors: &[Tensor], name: &str) -> Option<usize> {
        self.positions.find(self.hasher.hash_one(name), |&position| tensors[position].name == name).copied()
    }
}
