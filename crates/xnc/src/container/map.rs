//! A file in memory.
//!
//! The only `unsafe` outside `kernel/`, and no hot loop, so it does not belong there: a mapping is unsafe by what other programs may do to the
//! file, which only whoever opens files can answer for. Kernels take slices and know no files. Nothing else in this crate may map.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Result};

/// A file's bytes: mapped read-only, or in memory.
pub enum Map {
    /// A mapped file.
    File(Mmap),
    /// Bytes that came from elsewhere.
    Memory(Vec<u8>),
}

impl Map {
    /// Maps a file.
    ///
    /// # Errors
    /// Those of opening and mapping.
    pub fn open(path: &Path) -> Result<Map> {
        let file = File::open(path).map_err(Error::io(path))?;
        let kind = file.metadata().map_err(Error::io(path))?.file_type();
        if kind.is_dir() {
            return Err(Error::io(path)(io::ErrorKind::IsADirectory.into()));
        }
        if !kind.is_file() {
            return Err(Error::io(path)(io::Error::other(
                "not a regular file, which is what can be mapped; save it as one first",
            )));
        }
        // SAFETY: the bytes are only ever read, as plain integers, and every use copes with any value. This crate
        // replaces files by renaming and never truncates one, so a mapping of its own output keeps its length; another
        // program that truncates a mapped file would raise SIGBUS, as for every reader that maps files.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        Ok(Map::File(map))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Map::File(map) => map,
            Map::Memory(bytes) => bytes,
        }
    }
}
