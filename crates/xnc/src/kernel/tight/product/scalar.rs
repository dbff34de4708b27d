//! Where products have no loop of their own: some rows are decoded, then multiplied, each by the backend's loop.

use crate::dtype::Dtype;
use crate::kernel::tight::row::{Row, RowShape, Symbols};
use crate::kernel::tight::unpack::{Ahead, Unpacker};
use crate::kernel::{Aligned, Backend, bytes_of, dot};

/// Rows that are decoded together: their words stay in the nearest cache.
const ROWS: usize = 8;

/// Activations, and room for the words of some rows.
#[derive(Clone)]
pub(super) struct Desk<T: Copy> {
    backend: Backend,
    shape: RowShape,
    x: Aligned<T>,
    words: Aligned<u16>,
    unpacker: Unpacker,
}

impl<T: Copy> Desk<T> {
    pub(super) fn new(backend: Backend, shape: RowShape, x: Aligned<T>) -> Self {
        let (words, unpacker) = (Aligned::new(ROWS * shape.dim, 0), Unpacker::new(backend, shape));
        Desk { backend, shape, x, words, unpacker }
    }

    fn each(
        &mut self,
        symbols: Symbols<'_>,
        payload: &[u8],
        rows: &[Row],
        out: &mut [f32],
        times: impl Fn(Backend, &[u8], &[T], &mut [f32]),
    ) {
        for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
            let words = &mut self.words[..rows.len() * self.shape.dim];
            self.unpacker.rows(symbols, payload, rows, Ahead::run(), words, None);
            times(self.backend, bytes_of(words), &self.x, out);
        }
    }
}

impl Desk<f32> {
    pub(super) fn rows(&mut self, symbols: Symbols<'_>, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = self.shape.dim;
        self.each(symbols, payload, rows, out, |backend, words, x, out| {
            dot::rows_f32(backend, Dtype::Bf16, words, dim, x, 0, out);
        });
    }
}

impl Desk<u16> {
    pub(super) fn rows(&mut self, symbols: Symbols<'_>, payload: &[u8], rows: &[Row], out: &mut [f32]) {
        let dim = self.shape.dim;
        self.each(symbols, payload, rows, out, |backend, words, x, out| {
            dot::rows_bf16(backend, words, dim, x, 0, out);
        });
    }
}
