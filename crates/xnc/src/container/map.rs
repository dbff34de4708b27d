//! The bytes of a file: mapped, or in memory.
//!
//! `unsafe`, and no hot loop, so it does not belong in `kernel/`: a mapping is unsafe by what other programs may
//! do to the file, which only whoever opens files can answer for. Kernels take slices and know no files. Nothing
//! else in this crate may map.
#![cfg_attr(feature = "map", allow(unsafe_code))]

use std::ops::Deref;
use std::sync::Arc;

/// A file's bytes, read-only and shared.
#[derive(Clone)]
pub struct Map(Arc<Owner>);

enum Owner {
    /// A mapped file, or a part of one.
    #[cfg(feature = "map")]
    File(memmap2::Mmap),
    /// Bytes that their owner keeps.
    Memory(Box<dyn AsRef<[u8]> + Send + Sync>),
}

impl Map {
    /// Shares bytes in memory; nothing is copied.
    pub fn shared(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Map {
        Map(Arc::new(Owner::Memory(Box::new(bytes))))
    }

    /// Lets go of the pages in which these bytes of a mapped file lie, which then no longer count as this process's.
    /// Whoever reads them again has them again, from the file.
    #[cfg(feature = "map")]
    pub fn let_go(&self, bytes: &[u8]) {
        #[cfg(unix)]
        if let Owner::File(map) = &*self.0 {
            let at = bytes.as_ptr().addr().wrapping_sub(map.as_ptr().addr());
            if at.checked_add(bytes.len()).is_some_and(|end| end <= map.len()) {
                // SAFETY: the mapping is read-only and shared, so that a page that is dropped comes back as the file
                // has it. That it was not dropped changes nothing but a number.
                let _ = unsafe {
                    map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, at, bytes.len())
                };
            }
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }

    /// Has the system begin to read the pages in which these bytes of a mapped file lie, and does not wait. Faults
    /// bring a few pages at a time, and one fault waits for each: a third of what a disk gives.
    #[cfg(feature = "write")]
    pub fn will_need(&self, bytes: &[u8]) {
        #[cfg(unix)]
        if let Owner::File(map) = &*self.0 {
            let at = bytes.as_ptr().addr().wrapping_sub(map.as_ptr().addr());
            // It is advice: whoever reads the bytes waits for them, read early or not.
            let _ = map.advise_range(memmap2::Advice::WillNeed, at, bytes.len());
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }
}

#[cfg(feature = "map")]
mod file {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::{Map, Owner};
    use crate::error::{Error, Result};

    impl Map {
        /// Maps a file.
        ///
        /// # Errors
        /// Those of opening and mapping; a path that is no regular file.
        pub fn open(path: &Path) -> Result<Map> {
            // Looked at before it is opened: opening a pipe waits for whoever writes to it.
            let kind = std::fs::metadata(path).map_err(Error::io(path))?.file_type();
            if kind.is_dir() {
                return Err(Error::io(path)(io::ErrorKind::IsADirectory.into()));
            }
            if !kind.is_file() {
                let cause = "not a regular file, which is what can be mapped; save it as one first";
                return Err(Error::io(path)(io::Error::other(cause)));
            }
            let file = File::open(path).map_err(Error::io(path))?;
            Map::of(&file, 0, None).map_err(Error::io(path))
        }

        /// Maps `length` bytes of an open file from `offset` on, or all that follow. The mapping outlives the
        /// file's handle.
        ///
        /// # Errors
        /// Those of mapping; a part that is not all in the file.
        pub fn of(file: &File, offset: u64, length: Option<u64>) -> io::Result<Map> {
            let size = file.metadata()?.len();
            let rest = size.checked_sub(offset);
            let length = rest.map(|rest| length.unwrap_or(rest)).filter(|&length| Some(length) <= rest);
            let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| {
                let cause = format!("the part from byte {offset} on is not all in the file's {size} bytes");
                io::Error::new(io::ErrorKind::UnexpectedEof, cause)
            })?;
            let mut options = memmap2::MmapOptions::new();
            options.offset(offset).len(length);
            // SAFETY: the bytes are only ever read, as plain integers, and every use copes with any value. This crate
            // replaces files by renaming and never truncates one, so a mapping of its own output keeps its
            // length; another program that truncates a mapped file would raise SIGBUS, as for every reader
            // that maps files.
            let map = unsafe { options.map(file) }?;
            Ok(Map(super::Arc::new(Owner::File(map))))
        }
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &*self.0 {
            #[cfg(feature = "map")]
            Owner::File(map) => map,
            Owner::Memory(bytes) => (**bytes).as_ref(),
        }
    }
}
