//! Asking for memory before it is read.

/// How far ahead of its rows a loop over coded rows asks for them. Measured: from 6 to 10 KiB on all is the same.
pub const BYTES: usize = 8 * 1024;

/// Asks the machine for the cache lines of `values`, to be there when they are read. Changes nothing.
#[inline]
pub fn prefetch<T>(values: &[T]) {
    for line in (0..size_of_val(values)).step_by(64) {
        prefetch_line(values.as_ptr().cast::<u8>().wrapping_add(line));
    }
}

/// As [`prefetch`], of the line in which a byte would lie, be it there or not.
#[inline]
pub fn prefetch_line(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 machine has the instruction, and a prefetch reads nothing, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(at.cast());
    }
    // Stable Rust has no such instruction of other machines.
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Lines to ask for one after another, in the order in which they lie.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Lines(*const u8);

#[cfg(target_arch = "x86_64")]
impl Lines {
    /// From the line of byte `at` of `bytes` on, which may lie behind their end.
    #[inline]
    pub fn from(bytes: &[u8], at: usize) -> Lines {
        let at = bytes.as_ptr().wrapping_add(at);
        Lines(at.wrapping_sub(at.addr() % 64))
    }

    /// Asks for the next lines.
    #[inline]
    pub fn ask<const LINES: usize>(&mut self) {
        for _ in 0..LINES {
            prefetch_line(self.0);
            self.0 = self.0.wrapping_add(64);
        }
    }
}
