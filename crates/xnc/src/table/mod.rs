//! What a caller holds after opening: a table that is looked up by row, compressed or plain, from any number
//! of threads.

#[cfg(feature = "map")]
mod distant;
#[cfg(feature = "threads")]
mod encode;
mod model;
mod product;

use std::sync::Arc;

use crate::codec::{self, Codec, TableShape, leave};
use crate::container::{Map, Opened, StoredBytes};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::kernel::{Backend, widen};

#[cfg(feature = "map")]
pub use distant::Distant;
#[cfg(feature = "threads")]
pub use encode::EncodeOptions;
pub use model::{Model, TensorInfo};
pub use product::Activations;

/// Rows widened together: their words fit in the nearest cache.
const WIDENED: usize = 32;

/// When chunk checksums are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verify {
    /// A chunk's, when a row of it is first read.
    #[default]
    OnTouch,
    /// All of them, on opening.
    OnOpen,
    /// Not at all: a damaged file gives an error or other words.
    Never,
}

/// How a table is opened.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// When chunk checksums are compared.
    pub verify: Verify,
    /// The instruction set that the table's kernels run on; none for the one that [`Backend::detect`] finds.
    pub backend: Option<Backend>,
    /// For `xnc bench`, which tries several ways in which products of plain rows go along memory.
    #[doc(hidden)]
    pub ahead: Option<codec::Way>,
}

/// A table of 16-bit words, of a file or encoded in memory. Cheap to clone; clones share the bytes, and which
/// chunks were found good. Reading a row touches the pages of its chunk only.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    name: String,
    opened: Opened,
}

impl Table {
    pub(crate) fn new(name: &str, opened: Opened) -> Table {
        Table(Arc::new(Inner { name: name.into(), opened }))
    }

    /// A table of plain words that are in memory, as little-endian bytes; nothing is copied. What compressed
    /// tables are compared with: it answers to the same calls.
    ///
    /// # Errors
    /// [`Error::WrongLength`] when the bytes are not `rows` times `dim` words; [`Error::NoBackend`].
    pub fn from_bytes(
        dtype: Dtype,
        rows: usize,
        dim: usize,
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
        options: &OpenOptions,
    ) -> Result<Table> {
        let (shape, map) = (TableShape { dtype, rows, dim }, Map::shared(bytes));
        expect_length("a table in bytes", map.len(), rows.saturating_mul(dim).saturating_mul(2))?;
        let (all, backend) = (0..map.len(), Backend::or_detected(options.backend)?);
        Ok(Table::new("", Opened::plain(shape, map, all, backend, options.ahead)))
    }

    /// Name of the tensor; empty for a table that was made in memory.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.shape().rows
    }

    /// Words in a row. In a table without rows this is whatever the file says, and no size for a buffer.
    pub fn dim(&self) -> usize {
        self.shape().dim
    }

    /// Type of the words: the source's, or what its F32 values stand for.
    pub fn dtype(&self) -> Dtype {
        self.0.opened.dtype()
    }

    /// Codec, none for a plain table.
    pub fn codec(&self) -> Option<Codec> {
        self.0.opened.codec
    }

    /// The instruction set that this table's kernels run on.
    pub fn backend(&self) -> Backend {
        self.0.opened.reader().backend()
    }

    /// Bytes that the table takes: in its file everything that it adds there (payload, index, record), in
    /// memory what is held.
    pub fn stored_bytes(&self) -> u64 {
        self.0.opened.stored.sum()
    }

    /// Reads row `id` into `out`, which takes [`Table::dim`] words.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`]; [`Error::WrongLength`]; [`Error::Corrupt`] when the row's chunk is damaged.
    pub fn row(&self, id: usize, out: &mut [u16]) -> Result<()> {
        self.gather(&[id], out)
    }

    /// Reads rows into `out`, one after another. The next ones are on their way from memory while one is decoded.
    ///
    /// # Errors
    /// As [`Table::row`].
    pub fn gather(&self, ids: &[usize], out: &mut [u16]) -> Result<()> {
        self.coded_rows(ids, out)?;
        let opened = &self.0.opened;
        leave(self.backend(), opened.words(), opened.element, out);
        Ok(())
    }

    /// Reads the exact values of rows into `out`, one after another.
    ///
    /// # Errors
    /// As [`Table::row`].
    pub fn gather_f32(&self, ids: &[usize], out: &mut [f32]) -> Result<()> {
        let dim = self.dim();
        expect_length("`out`", out.len(), ids.len().saturating_mul(dim))?;
        let mut words = vec![0; if out.is_empty() { 0 } else { ids.len().min(WIDENED) * dim }];
        for (ids, out) in ids.chunks(WIDENED).zip(out.chunks_mut((WIDENED * dim).max(1))) {
            let words = &mut words[..out.len()];
            self.coded_rows(ids, words)?;
            widen::to_f32(self.backend(), self.0.opened.words(), words, out);
        }
        self.check_ids(ids)
    }

    /// Reads the words from `first` on, in row-major order, as many as `out` takes.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`] when they pass the end of the table; [`Error::Corrupt`] when a chunk that
    /// they lie in is damaged.
    pub fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        let end = first.checked_add(out.len()).filter(|&end| end <= self.shape().words());
        if end.is_none() {
            let row = first.saturating_add(out.len()).saturating_sub(1) / self.dim().max(1);
            return Err(self.out_of_range(row.max(self.rows())));
        }
        let opened = &self.0.opened;
        opened.view().read(first, out).map_err(|e| e.in_tensor(self.name()))?;
        leave(self.backend(), opened.words(), opened.element, out);
        Ok(())
    }

    /// Reads rows as the words that are coded: values are those of the table.
    fn coded_rows(&self, ids: &[usize], out: &mut [u16]) -> Result<()> {
        self.check_ids(ids)?;
        expect_length("`out`", out.len(), ids.len().saturating_mul(self.dim()))?;
        self.0.opened.view().gather(ids, out).map_err(|e| e.in_tensor(self.name()))
    }

    fn check_ids(&self, ids: &[usize]) -> Result<()> {
        match ids.iter().find(|&&id| id >= self.rows()) {
            Some(&id) => Err(self.out_of_range(id)),
            None => Ok(()),
        }
    }

    fn out_of_range(&self, row: usize) -> Error {
        Error::RowOutOfRange { row: row as u64, rows: self.rows() as u64 }
    }

    /// What the table takes, and how much of it all rows share.
    pub(crate) fn stored(&self) -> (StoredBytes, u64) {
        (self.0.opened.stored, self.0.opened.model_bytes())
    }

    /// What the elements of the source's tensor are.
    #[cfg(feature = "write")]
    pub(crate) fn element(&self) -> crate::dtype::Element {
        self.0.opened.element
    }

    /// Extent, with the type of the coded words.
    fn shape(&self) -> TableShape {
        self.0.opened.reader().shape()
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codec = self.codec().map_or("plain", Codec::name);
        write!(f, "Table({:?}, {} x {} {}, {codec})", self.name(), self.rows(), self.dim(), self.dtype())
    }
}

/// A table gives the words of its source: an encoder may take them from it.
impl codec::Source for Table {
    fn read(&self, first: usize, out: &mut [u16]) -> Result<()> {
        Table::read(self, first, out)
    }

    fn rows(&self, ids: &[usize], _: usize, out: &mut [u16]) -> Result<()> {
        self.gather(ids, out)
    }
}

fn expect_length(what: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::WrongLength { what, found, expected }) }
}

const _: () = {
    const fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<Table>();
};
