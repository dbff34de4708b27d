//! Memory that begins on a cache line.

use std::ops::{Deref, DerefMut};

/// A slice whose first element lies on 64 bytes, so that no load of a whole register straddles two lines.
pub struct Aligned<T> {
    buffer: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy> Aligned<T> {
    /// `len` times `value`.
    pub fn new(len: usize, value: T) -> Self {
        let buffer = vec![value; len + 64 / size_of::<T>()];
        // Where the machine cannot tell, any place is right.
        let start = buffer.as_ptr().align_offset(64).min(buffer.len() - len);
        Aligned { buffer, start, len }
    }
}

impl<T: Copy> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        let Some(&first) = self.first() else { return Aligned { buffer: Vec::new(), start: 0, len: 0 } };
        let mut copy = Aligned::new(self.len, first);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.buffer[self.start..][..self.len]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[self.start..][..self.len]
    }
}
