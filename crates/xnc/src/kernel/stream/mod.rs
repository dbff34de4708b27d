//! Words copied past the caches: to memory that nobody reads soon, without reading it first.

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::Backend;
#[cfg(target_arch = "x86_64")]
use super::backend::Isa;

/// Copies words around the caches where this machine can. Worth it where they are more than these hold: it saves the trip on which a line
/// comes from memory only to be written over. What was copied is there for other threads once this is dropped.
///
/// Few words at a time, with work between: stores that wait for memory then hold nothing up. One row of 640 words after the other, a table is
/// decoded half again as fast as 64 KiB after the other (Zen 5).
pub struct Stream(Backend);

impl Stream {
    /// For this machine.
    pub fn new(backend: Backend) -> Stream {
        Stream(backend)
    }

    /// `to` becomes `from`.
    ///
    /// # Panics
    /// If lengths differ.
    pub fn copy(&self, from: &[u16], to: &mut [u16]) {
        assert_eq!(from.len(), to.len());
        match self.0.0 {
            // SAFETY: a `Backend` exists only for an instruction set that this machine has; the fence follows when this is dropped.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 { .. } => unsafe { avx2::copy(from, to) },
            Isa::Scalar => to.copy_from_slice(from),
        }
    }
}

impl Drop for Stream {
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
        for backend in Backend::available() {
            for (start, len) in
                (0..40).flat_map(|start| [0, 1, 15, 31, 32, 33, 64, 97, 300].map(|len| (start, len)))
            {
                let mut to = vec![7; 400];
                Stream::new(backend).copy(&from[start / 2..][..len], &mut to[start..][..len]);
                assert_eq!(to[start..][..len], from[start / 2..][..len]);
                assert!(to[..start].iter().chain(&to[start + len..]).all(|&word| word == 7));
            }
        }
    }
}
