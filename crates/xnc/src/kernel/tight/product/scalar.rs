//! Portable: rows are decoded one at a time.

use crate::dtype::Dtype;
use crate::kernel::tight::row::{Row, RowShape, Symbols};
use crate::kernel::tight::unpack::scalar;
use crate::kernel::{Aligned, Backend, bytes_of, dot};

/// Activations, and room for the words of a row.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    backend: Backend,
    shape: RowShape,
    x: Aligned<T>,
    words: Vec<u16>,
    unpack: scalar::Desk,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(backend: Backend, shape: RowShape, x: Aligned<T>) -> Self {
        Desk { backend, shape, x, words: vec![0; shape.dim], unpack: scalar::Desk::new(shape) }
    }

    fn each(
        &mut self,
        symbols: Symbols<'_>,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
        times: impl Fn(Backend, &[u8], &[T], &mut f32),
    ) {
        for (row, out) in rows.iter().zip(out).filter(|(row, _)| !row.is_plain()) {
            let one = std::slice::from_ref(row);
            self.unpack.rows(self.shape, symbols, payload, one, &mut self.words);
            times(self.backend, bytes_of(&self.words), &self.x, out);
        }
    }
}

impl Desk<f32> {
    pub(super) fn rows(&mut self, symbols: Symbols<'_>, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = self.shape.dim;
        self.each(symbols, payload, rows, out, |backend, words, x, out| {
            dot::rows_f32(backend, Dtype::Bf16, words, dim, x, 0, std::slice::from_mut(out));
        });
    }
}

impl Desk<u16> {
    pub(super) fn rows(&mut self, symbols: Symbols<'_>, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = self.shape.dim;
        self.each(symbols, payload, rows, out, |backend, words, x, out| {
            dot::rows_bf16(backend, words, dim, x, 0, std::slice::from_mut(out));
        });
    }
}
