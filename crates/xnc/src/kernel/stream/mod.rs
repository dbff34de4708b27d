//! Words that go past the caches: to memory that nobody reads soon, without reading it first.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod joined;

use std::marker::PhantomData;

use super::Backend;
use super::backend::Isa;

/// Copies words around the caches where this machine can. Worth it where they are more than the caches hold:
/// it saves the trip on which a line comes from memory only to be written over.
///
/// Few words at a time, with work between: stores that wait for memory then hold nothing up. One row of 640
/// words after the other, a table is decoded half again as fast as 64 KiB after the other (Zen 5).
pub struct Stream {
    backend: Backend,
    /// The fence orders the stores of its own thread only, so a stream stays on the thread of its scope.
    _here: PhantomData<*const ()>,
}

/// Runs `copies`, and sees to it that all words that it copied are there for other threads before this
/// returns.
pub fn scope<R>(backend: Backend, copies: impl FnOnce(&Stream) -> R) -> R {
    // Dropped on a panic too, and out of reach of the closure, which could forget it.
    let _fence = Fence;
    copies(&Stream { backend, _here: PhantomData })
}

impl Stream {
    /// Whether a loop's registers of words can go to this memory past the caches, as whole lines.
    pub fn joins(&self, out: &[u16]) -> bool {
        let _ = out;
        match self.backend.0 {
            Isa::Scalar => false,
            // These processors see by themselves that whole lines are written.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => false,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => joined::avx2::joins(out),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 { .. } => true,
        }
    }

    /// `to` becomes `from`.
    ///
    /// # Panics
    /// If lengths differ.
    pub fn copy(&self, from: &[u16], to: &mut [u16]) {
        assert_eq!(from.len(), to.len());
        match self.backend.0 {
            Isa::Scalar => to.copy_from_slice(from),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon { .. } => to.copy_from_slice(from),
            // AVX-512 takes AVX2's loop.
            // SAFETY: a `Backend` exists only for an instruction set that this machine has; AVX-512's have
            // AVX2. The fence follows: only `scope` makes a `Stream`.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::copy(from, to) },
        }
    }
}

/// Orders stores that went around the caches before all later ones, when dropped.
struct Fence;

impl Drop for Fence {
    fn drop(&mut self) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 machine has it, and it changes nothing.
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_from_and_to_any_place() {
        let from: Vec<u16> = (0..400).map(|i| i * 163).collect();
        for backend in Backend::every_kind() {
            for (start, len) in
                (0..40).flat_map(|start| [0, 1, 15, 31, 32, 33, 64, 97, 300].map(|len| (start, len)))
            {
                let mut to = vec![7; 400];
                scope(backend, |stream| stream.copy(&from[start / 2..][..len], &mut to[start..][..len]));
                assert_eq!(to[start..][..len], from[start / 2..][..len]);
                assert!(to[..start].iter().chain(&to[start + len..]).all(|&word| word == 7));
            }
        }
    }
}
