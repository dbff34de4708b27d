//! Memory of huge pages, where the system gives them.

/// Bytes of a huge page on most machines.
const PAGE: usize = 2 << 20;

/// A copy of bytes that begins on a huge page. Whether it lies in some is up to the system.
pub struct Huge {
    held: Vec<u8>,
    from: usize,
}

impl Huge {
    /// Copies bytes.
    pub fn copy(bytes: &[u8]) -> Huge {
        let mut held: Vec<u8> = Vec::with_capacity(bytes.len().next_multiple_of(PAGE) + PAGE);
        // Where the machine cannot tell, any place is right.
        let from = held.as_ptr().align_offset(PAGE).min(PAGE);
        held.resize(from, 0);
        // Before the first byte is written, for then the system looks for a page.
        #[cfg(all(target_os = "linux", feature = "write"))]
        {
            let room = &mut held.spare_capacity_mut()[..bytes.len().next_multiple_of(PAGE)];
            // SAFETY: the range is room of `held`, and advice changes no bytes. An error means no huge pages.
            let _ = unsafe { libc::madvise(room.as_mut_ptr().cast(), room.len(), libc::MADV_HUGEPAGE) };
        }
        held.extend_from_slice(bytes);
        Huge { held, from }
    }
}

impl AsRef<[u8]> for Huge {
    fn as_ref(&self) -> &[u8] {
        &self.held[self.from..]
    }
}

#[test]
fn a_copy_is_the_same_bytes() {
    for length in [0, 1, PAGE - 1, PAGE + 5] {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let copy = Huge::copy(&bytes);
        assert!(copy.as_ref() == bytes && copy.as_ref().as_ptr().align_offset(PAGE) == 0);
    }
}
