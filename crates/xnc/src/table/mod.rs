//! What a caller holds after opening: a table that is looked up by row, compressed or plain, from any number of threads.

mod activations;
mod gather;
mod into_fast;
mod product;
mod touched;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::codec::{Codec, TableShape};
use crate::container::{Coded, Container, Map};
use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::stream::{self, Stream};
use touched::Touched;

pub use activations::Activations;

/// When chunk checksums are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// A chunk's, when a row of it is first read.
    #[default]
    OnTouch,
    /// All of them, on opening.
    OnOpen,
    /// Not at all: a damaged file gives an error or other words.
    Never,
}

/// A table of 16-bit words in a mapped file. Reading a row touches the pages of its chunk only.
pub struct Table {
    shape: TableShape,
    words: Source,
}

enum Source {
    Plain { map: Arc<Map>, range: Range<usize> },
    Coded { coded: Coded, touched: Option<Touched> },
}

impl Table {
    /// Opens the table `name` of a model file.
    ///
    /// # Errors
    /// Those of [`Container::open`] and [`Table::from_container`].
    pub fn open(path: &Path, name: &str, verify: Verify) -> Result<Table> {
        Table::from_container(&Container::open(path)?, name, verify)
    }

    /// Opens the table `name` of an open file. The table keeps the mapping alive by itself.
    ///
    /// # Errors
    /// [`Error::TensorNotFound`]; [`Error::NotATable`]; [`Error::Corrupt`] when the index does not hold.
    pub fn from_container(container: &Container, name: &str, verify: Verify) -> Result<Table> {
        if container.metas().contains_key(name) {
            return Table::from_coded(container.coded(name)?, verify);
        }
        let tensor = container.layout().tensor(name).ok_or_else(|| Error::TensorNotFound {
            name: name.into(),
            available: container.table_names().join(", "),
        })?;
        let shape = tensor.table_dtype().and_then(|dtype| TableShape::new(dtype, &tensor.shape));
        let shape = shape.ok_or_else(|| Error::NotATable {
            name: name.into(),
            reason: format!("its type is {} and its shape {:?}", tensor.dtype, tensor.shape),
        })?;
        let range = tensor.range.start as usize..tensor.range.end as usize;
        Ok(Table { shape, words: Source::Plain { map: container.map(), range } })
    }

    pub(crate) fn from_coded(coded: Coded, verify: Verify) -> Result<Table> {
        let chunks = coded.opened.chunks();
        if verify == Verify::OnOpen {
            (0..chunks).try_for_each(|chunk| coded.opened.check(coded.stored(), chunk))?;
        }
        let touched = (verify == Verify::OnTouch).then(|| Touched::new(chunks));
        Ok(Table { shape: coded.shape, words: Source::Coded { coded, touched } })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.shape.rows
    }

    /// Words in a row. In a table without rows this is whatever the file says, and no size for a buffer.
    pub fn dim(&self) -> usize {
        self.shape.dim
    }

    /// Element type.
    pub fn dtype(&self) -> Dtype {
        self.shape.dtype
    }

    /// Codec, none for a plain table.
    pub fn codec(&self) -> Option<Codec> {
        match &self.words {
            Source::Plain { .. } => None,
            Source::Coded { coded, .. } => Some(coded.codec),
        }
    }

    /// Reads row `id` into `out`, the source's words.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`]; [`Error::Corrupt`] when the row's chunk is damaged.
    ///
    /// # Panics
    /// If `out` is not [`Table::dim`] long.
    pub fn row(&self, id: usize, out: &mut [u16]) -> Result<()> {
        if id >= self.rows() {
            return Err(Error::RowOutOfRange { row: id as u64, rows: self.rows() as u64 });
        }
        assert_eq!(out.len(), self.dim(), "a row takes `dim` words");
        if self.fast().is_some() {
            return self.gather(&[id], out);
        }
        self.read(id * self.dim(), out)
    }

    /// Reads the words from `first` on, in row-major order, as many as `out` takes.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a chunk they lie in is damaged.
    ///
    /// # Panics
    /// If they pass the end of the table.
    pub fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        match &self.words {
            Source::Plain { map, range } => {
                Words::new(&map[range.clone()]).read(first, out);
                Ok(())
            }
            Source::Coded { coded, touched } => read_coded(coded, touched.as_ref(), first, out),
        }
    }
}

/// Words from which on a read goes past the caches: more than these hold.
const FAR: usize = 1 << 23;

fn read_coded(coded: &Coded, touched: Option<&Touched>, first: usize, out: &mut [u16]) -> Result<()> {
    if out.len() >= FAR {
        return stream::scope(Backend::best(), |far| read_through(coded, touched, first, out, Some(far)));
    }
    read_through(coded, touched, first, out, None)
}

fn read_through(
    coded: &Coded,
    touched: Option<&Touched>,
    mut first: usize,
    mut out: &mut [u16],
    far: Option<&Stream>,
) -> Result<()> {
    let stored = coded.stored();
    while !out.is_empty() {
        let chunk = coded.opened.chunk_of(first);
        if let Some(touched) = touched {
            touched.first(chunk, || coded.opened.check(stored, chunk))?;
        }
        let here = out.len().min(coded.opened.words_of(chunk).end - first);
        let (part, rest) = out.split_at_mut(here);
        coded.opened.decode(stored, chunk, first, part, far)?;
        first += here;
        out = rest;
    }
    Ok(())
}
