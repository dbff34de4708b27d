//! What becomes of memory that is freed.

/// From here on, blocks of two megabytes and more go back to the system as soon as they are freed, and smaller ones as
/// soon as eight megabytes of them lie free.
///
/// GNU's allocator otherwise learns from each large block that such blocks come again, and keeps them, up to
/// 32 MB each: `dense` then held 0.6 tables that nothing used (16384 x 2048, `docs/notes/dense.md`). Told how large
/// blocks are, it gives all else back from 128 KB on, and a quarter of the time went into pages that were given back
/// and taken again. It is the whole process that this changes, so that only a program of ours may ask for it.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (what, bytes) in [(libc::M_MMAP_THRESHOLD, 2 << 20), (libc::M_TRIM_THRESHOLD, 8 << 20)] {
        // SAFETY: the call takes two numbers, and sets one of the allocator's, whoever allocates meanwhile. Where
        // it refuses, all stays as it was.
        let _ = unsafe { libc::mallopt(what, bytes) };
    }
}
