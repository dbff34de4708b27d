//! Many rows at once: the next ones are on their way from memory while one is decoded.

use super::{Source, Table};
use crate::codec::{Opened, fast};
use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::{self, Backend, widen};

/// Rows asked for ahead: the time of decoding them covers a trip to memory.
const AHEAD: usize = 6;

impl Table {
    /// Reads rows into `out`, one after another.
    ///
    /// # Errors
    /// As [`Table::row`].
    ///
    /// # Panics
    /// If `out` is not `ids.len() * dim` long.
    pub fn gather(&self, ids: &[usize], out: &mut [u16]) -> Result<()> {
        assert_eq!(out.len(), ids.len() * self.dim(), "a row takes `dim` words");
        self.check_ids(ids)?;
        if self.dim() == 0 {
            return Ok(());
        }
        for (i, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            self.prefetch(ids, i);
            self.row(ids[i], out)?;
        }
        Ok(())
    }

    /// Reads the exact values of rows into `out`, one after another.
    ///
    /// # Errors
    /// As [`Table::row`].
    ///
    /// # Panics
    /// If `out` is not `ids.len() * dim` long.
    pub fn gather_f32(&self, ids: &[usize], out: &mut [f32]) -> Result<()> {
        assert_eq!(out.len(), ids.len() * self.dim(), "a row takes `dim` values");
        self.check_ids(ids)?;
        if self.dim() == 0 {
            return Ok(());
        }
        let mut words = vec![0; self.dim()];
        for (i, out) in out.chunks_exact_mut(self.dim()).enumerate() {
            self.prefetch(ids, i);
            let dtype = self.coded_row(ids[i], &mut words)?;
            widen::to_f32(Backend::best(), dtype, &words, out);
        }
        Ok(())
    }

    fn check_ids(&self, ids: &[usize]) -> Result<()> {
        match ids.iter().find(|&&id| id >= self.rows()) {
            Some(&id) => Err(Error::RowOutOfRange { row: id as u64, rows: self.rows() as u64 }),
            None => Ok(()),
        }
    }

    /// Asks for the row that will be read [`AHEAD`] rows after number `i`; at the first, for all before it.
    fn prefetch(&self, ids: &[usize], i: usize) {
        let next = if i == 0 { 0..ids.len().min(AHEAD + 1) } else { i + AHEAD..ids.len().min(i + AHEAD + 1) };
        for &id in ids.get(next).unwrap_or_default() {
            match &self.words {
                Source::Plain { map, range } => {
                    let start = range.start + 2 * id * self.dim();
                    kernel::prefetch(&map[start..start + 2 * self.dim()]);
                }
                Source::Coded { coded, .. } => {
                    if let Opened::Fast(layout) = &coded.opened {
                        let row = layout.row(coded.stored(), id);
                        kernel::prefetch(&row.bytes[..row.len]);
                    }
                }
            }
        }
    }

    /// Reads a row as the words that are stored, and says of which type they are: values are those of the table.
    pub(super) fn coded_row(&self, id: usize, out: &mut [u16]) -> Result<Dtype> {
        if let Some((layout, coded)) = self.fast() {
            self.touch(layout.chunk_of_row(id))?;
            layout.decode_coded(coded.stored(), id, out)?;
            return Ok(layout.coding().dtype());
        }
        self.row(id, out)?;
        Ok(self.dtype())
    }

    /// The layout of a table of codec `fast`.
    pub(super) fn fast(&self) -> Option<(&fast::Layout, &crate::container::Coded)> {
        match &self.words {
            Source::Coded { coded, .. } => match &coded.opened {
                Opened::Fast(layout) => Some((layout, coded)),
                Opened::Xnc(_) => None,
            },
            Source::Plain { .. } => None,
        }
    }

    /// Checks a chunk if it is the first time that it is read.
    pub(super) fn touch(&self, chunk: usize) -> Result<()> {
        match &self.words {
            Source::Coded { coded, touched: Some(touched) } => {
                touched.first(chunk, || coded.opened.check(coded.stored(), chunk))
            }
            _ => Ok(()),
        }
    }

    /// The words of a plain table.
    pub(super) fn plain(&self) -> Option<Words<'_>> {
        match &self.words {
            Source::Plain { map, range } => Some(Words::new(&map[range.clone()])),
            Source::Coded { .. } => None,
        }
    }
}
