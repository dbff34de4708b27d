//! The same table, opened in several ways.

use std::path::PathBuf;

use anyhow::Result;
use xnc::{Codec, Model, Table};
use xnc_store::{Store, StoreOptions};

use super::{Files, extents};

/// What is compared.
pub struct Subjects {
    coded: PathBuf,
    plain: PathBuf,
    tensor: String,
    pub cache_bytes: u64,
    pub rows: usize,
    pub dim: usize,
    codec: Option<Codec>,
    index_bytes: usize,
}

/// Which of the twins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Twin {
    Coded,
    Plain,
}

impl Subjects {
    pub fn open(files: &Files, cache_bytes: u64) -> Result<Subjects> {
        let (rows, dim) = extents(&files.plain, &files.tensor)?;
        let store = Store::open(&files.coded, &files.tensor, &StoreOptions::default())?;
        Ok(Subjects {
            coded: files.coded.clone(),
            plain: files.plain.clone(),
            tensor: files.tensor.clone(),
            cache_bytes,
            rows,
            dim,
            codec: store.codec(),
            index_bytes: store.index_bytes(),
        })
    }

    pub fn coded_codec(&self) -> Option<Codec> {
        self.codec
    }

    /// Bytes of the plain words.
    pub fn plain_bytes(&self) -> usize {
        2 * self.rows * self.dim
    }

    pub fn index_bytes(&self) -> usize {
        self.index_bytes
    }

    /// A store of one of the twins, with a cache of `cache_bytes`.
    pub fn store(&self, twin: Twin, depth: usize, direct: bool, cache_bytes: u64) -> Result<Store> {
        let mut options = StoreOptions::default();
        (options.depth, options.direct, options.cache_bytes) = (depth, direct, cache_bytes);
        let path = if twin == Twin::Coded { &self.coded } else { &self.plain };
        Ok(Store::open(path, &self.tensor, &options)?)
    }

    /// The plain twin, mapped.
    pub fn mapped(&self) -> Result<Table> {
        Ok(Model::open(&self.plain)?.table(&self.tensor)?)
    }

    /// Has the system forget what it keeps of both files.
    pub fn drop_pages(&self) -> Result<()> {
        for path in [&self.coded, &self.plain] {
            forget(path)?;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn forget(path: &std::path::Path) -> Result<()> {
    let file = std::fs::File::open(path)?;
    // Pages that were not written yet stay.
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &std::path::Path) -> Result<()> {
    anyhow::bail!("only Linux lets a program drop pages of a file, which --cold needs")
}
