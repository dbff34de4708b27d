//! Portable: rows are decoded one at a time.

use super::Table;
use crate::dtype::Dtype;
use crate::kernel::fast::row::Row;
use crate::kernel::fast::unpack;
use crate::kernel::{Aligned, bytes_of, dot};

/// Activations, and room for the words of a row.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    x: Aligned<T>,
    words: Vec<u16>,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(table: &Table, x: Aligned<T>) -> Self {
        Desk { x, words: vec![0; table.shape.dim] }
    }

    fn each(
        &mut self,
        table: &Table,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
        times: impl Fn(&[u8], &[T], &mut f32),
    ) {
        for (row, out) in rows.iter().zip(out).filter(|(row, _)| !row.is_plain()) {
            let one = std::slice::from_ref(row);
            unpack::scalar::rows(table.shape, table.symbols(), payload, one, &mut self.words);
            times(bytes_of(&self.words), &self.x, out);
        }
    }
}

impl Desk<f32> {
    pub(super) fn rows(&mut self, table: &Table, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = table.shape.dim;
        self.each(table, payload, rows, out, |words, x, out| {
            dot::scalar::rows_f32(Dtype::Bf16, words, dim, x, 0, std::slice::from_mut(out));
        });
    }
}

impl Desk<u16> {
    pub(super) fn rows(&mut self, table: &Table, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = table.shape.dim;
        self.each(table, payload, rows, out, |words, x, out| {
            dot::scalar::pair_rows(words, dim, x, 0, std::slice::from_mut(out));
        });
    }
}
