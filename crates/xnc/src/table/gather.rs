//! Many rows at once: the next ones are on their way from memory while one is decoded.

use super::{Source, Table};
use crate::codec::{Opened, fast};
use crate::container::Coded;
use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::{self, Backend, widen};

/// Rows of a plain table asked for ahead of the one that is copied.
const AHEAD: usize = 6;

/// Rows looked up together: their places fit on the stack. Meanwhile the index is asked for those of the next ones.
const TOGETHER: usize = 64;

/// Rows widened together: their words fit in the nearest cache.
const WIDENED: usize = 32;

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
        if let Some((layout, coded)) = self.fast() {
            self.decode_anywhere(layout, coded, ids, out)?;
            layout.finish(out);
            return Ok(());
        }
        if let Source::Coded { coded, .. } = &self.words
            && let Opened::Dense(layout) = &coded.opened
        {
            ids.iter().try_for_each(|&id| self.touch(coded.opened.chunk_of(id * self.dim())))?;
            return layout.gather(coded.stored(), ids, out);
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
        let mut words = vec![0; ids.len().min(WIDENED) * self.dim()];
        for (ids, out) in ids.chunks(WIDENED).zip(out.chunks_mut(WIDENED * self.dim())) {
            let words = &mut words[..out.len()];
            let dtype = self.coded_rows(ids, words)?;
            widen::to_f32(Backend::best(), dtype, words, out);
        }
        Ok(())
    }

    /// Reads rows as the words that are stored, and says of which type they are: values are those of the table.
    pub(super) fn coded_rows(&self, ids: &[usize], out: &mut [u16]) -> Result<Dtype> {
        if self.dim() == 0 {
            return Ok(self.dtype());
        }
        if let Some((layout, coded)) = self.fast() {
            self.decode_anywhere(layout, coded, ids, out)?;
            return Ok(layout.coding().dtype());
        }
        self.gather(ids, out)?;
        Ok(self.dtype())
    }

    fn decode_anywhere(
        &self,
        layout: &fast::Layout,
        coded: &Coded,
        ids: &[usize],
        out: &mut [u16],
    ) -> Result<()> {
        let stored = coded.stored();
        let mut lies = [const { 0..0 }; TOGETHER];
        let later = ids.chunks(TOGETHER).skip(1).chain([&[][..]]);
        let blocks = ids.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * self.dim()));
        for ((ids, out), later) in blocks.zip(later) {
            for (lies, &id) in lies.iter_mut().zip(ids) {
                self.touch(layout.chunk_of_row(id))?;
                *lies = layout.row(stored, id);
            }
            later.iter().for_each(|&id| layout.ask(stored, id));
            layout.decode_coded(stored, &lies[..ids.len()], out)?;
        }
        Ok(())
    }

    fn check_ids(&self, ids: &[usize]) -> Result<()> {
        match ids.iter().find(|&&id| id >= self.rows()) {
            Some(&id) => Err(Error::RowOutOfRange { row: id as u64, rows: self.rows() as u64 }),
            None => Ok(()),
        }
    }

    /// Asks for the plain row that will be read [`AHEAD`] rows after number `i`; at the first, for all before it.
    fn prefetch(&self, ids: &[usize], i: usize) {
        let Source::Plain { map, range } = &self.words else { return };
        let next = if i == 0 { 0 } else { i + AHEAD };
        for &id in ids.get(next..ids.len().min(i + AHEAD + 1)).unwrap_or_default() {
            let start = range.start + 2 * id * self.dim();
            kernel::prefetch(&map[start..start + 2 * self.dim()]);
        }
    }

    /// The layout of a table of codec `fast`.
    pub(super) fn fast(&self) -> Option<(&fast::Layout, &Coded)> {
        match &self.words {
            Source::Coded { coded, .. } => match &coded.opened {
                Opened::Fast(layout) => Some((layout, coded)),
                Opened::Xnc(_) | Opened::Dense(_) => None,
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
