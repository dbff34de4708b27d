//! Memory that is only reserved, and memory of others that is let go.

use std::ffi::c_void;
use std::ptr::{NonNull, copy_nonoverlapping, null_mut, write_bytes};

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// Reserved memory, zero until it is written. What was not written takes no memory.
pub struct Region {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: memory belongs to no thread; the host keeps those who read and write apart, as for any buffer.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Room for `size` bytes.
    pub fn reserve(size: usize) -> Result<Region, String> {
        let (read, write) = (ProtFlags::READ, ProtFlags::WRITE);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping, at a place of the system's choice.
        let base = unsafe { rustix::mm::mmap_anonymous(null_mut(), size.max(1), read | write, flags) };
        let base = base.map_err(|e| format!("the system reserves no {size} bytes: {e}"))?;
        let base = NonNull::new(base.cast()).ok_or("the system reserves memory at address 0")?;
        Ok(Region { base, size })
    }

    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Writes bytes that may lie in the region themselves.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        self.check(at, bytes.len());
        // SAFETY: inside the region. The host writes to what nobody reads at that time, and gives bytes of its own.
        unsafe { std::ptr::copy(bytes.as_ptr(), self.base().add(at), bytes.len()) };
    }

    pub fn read(&self, at: usize, out: &mut [u8]) {
        self.check(at, out.len());
        // SAFETY: inside the region; `out` is borrowed for writing, so it is not of the region.
        unsafe { copy_nonoverlapping(self.base().add(at), out.as_mut_ptr(), out.len()) };
    }

    pub fn fill(&self, at: usize, size: usize, value: u8) {
        self.check(at, size);
        // SAFETY: inside the region, as for `write`.
        unsafe { write_bytes(self.base().add(at), value, size) };
    }

    /// Zeros cost nothing: the system gives them when they are asked for.
    pub fn clear(&self, value: u8) {
        // SAFETY: private memory of our own, which reads as zeros afterwards.
        let zeros = value == 0
            && unsafe {
                rustix::mm::madvise(self.base().cast(), self.size.max(1), Advice::LinuxDontNeed).is_ok()
            };
        if !zeros {
            self.fill(0, self.size, value);
        }
    }

    /// Bytes for a table of the same place, which goes before the region does.
    pub fn shared(&self, at: usize, size: usize) -> SharedBytes {
        self.check(at, size);
        // SAFETY: inside the region.
        SharedBytes { base: unsafe { self.base.add(at) }, size }
    }

    fn check(&self, at: usize, size: usize) {
        assert!(at.checked_add(size).is_some_and(|end| end <= self.size), "inside the region");
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, which nobody uses any more.
        unsafe { rustix::mm::munmap(self.base().cast(), self.size.max(1)).ok() };
    }
}

/// Bytes of a region.
pub struct SharedBytes {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: as for the region.
unsafe impl Send for SharedBytes {}
// SAFETY: as for the region.
unsafe impl Sync for SharedBytes {}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: inside the region, which the table that has these bytes does not outlive.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.size) }
    }
}

/// Lets go what is resident of bytes of a mapped file. The system brings them again for whoever reads them.
#[derive(Clone, Copy)]
pub struct Release {
    start: usize,
    bytes: usize,
}

impl Release {
    /// For bytes that lie in one shared mapping of a file that nobody writes through; letting go anything else
    /// would change what is read there.
    pub fn of(bytes: &[u8]) -> Option<Release> {
        let page = rustix::param::page_size();
        let start = (bytes.as_ptr() as usize).next_multiple_of(page);
        let end = (bytes.as_ptr() as usize + bytes.len()) / page * page;
        if start >= end {
            return None;
        }
        let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
        let within = |line: &&str| range(line).is_some_and(|(a, b)| a <= start && end <= b);
        let line = maps.lines().find(within)?;
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (rights, inode) = (fields.next()?, fields.nth(2)?);
        let is_file = inode != "0" && rights.starts_with("r-") && rights.ends_with('s');
        is_file.then_some(Release { start, bytes: end - start })
    }

    pub fn now(self) {
        // SAFETY: pages of a file, shared and not written to: their bytes stay what they are.
        unsafe {
            rustix::mm::madvise(self.start as *mut c_void, self.bytes, Advice::LinuxDontNeed).ok();
        }
    }
}

/// The addresses of a line of `/proc/self/maps`.
fn range(line: &str) -> Option<(usize, usize)> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_keep_what_is_written() {
        let region = Region::reserve(100_000).expect("memory");
        region.write(70_000, &[1, 2, 3]);
        let mut out = [9; 5];
        region.read(69_999, &mut out);
        assert_eq!(out, [0, 1, 2, 3, 0]);
        region.fill(70_001, 1, 7);
        assert_eq!(region.shared(70_000, 3).as_ref(), [1, 7, 3]);
        region.clear(0);
        assert_eq!(region.shared(70_000, 3).as_ref(), [0, 0, 0]);
        region.clear(5);
        assert_eq!(region.shared(99_999, 1).as_ref(), [5]);
        assert!(std::panic::catch_unwind(|| region.write(99_999, &[1, 2])).is_err());
    }

    #[test]
    fn only_bytes_of_files_are_let_go() {
        let heap = vec![1u8; 100_000];
        assert!(Release::of(&heap).is_none() && Release::of(&heap[..10]).is_none());
        // A program's own constants are of a file, but mapped privately.
        assert!(Release::of(include_bytes!("memory.rs")).is_none());
    }
}
