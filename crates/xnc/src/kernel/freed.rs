//! What becomes of memory that is freed.

/// From here on, blocks of a megabyte and more go back to the system as soon as they are freed.
///
/// GNU's allocator otherwise learns from each large block that such blocks come again, and keeps them, up to
/// 32 MB each: `dense` then held 0.6 tables that nothing used (16384 x 2048, `docs/notes/dense.md`). It is the
/// whole process that this changes, so that only a program of ours may ask for it.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Bytes.
        const LARGE: libc::c_int = 1 << 20;
        // SAFETY: the call takes two numbers, and sets one of the allocator's, whoever allocates meanwhile. Where
        // it refuses, all stays as it was.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}
