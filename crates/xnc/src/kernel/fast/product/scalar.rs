//! Portable, and what defines the others: a row's words, then their product.

use super::{Exception, Listed, Rows, column};
use crate::dtype::Dtype;
use crate::kernel::fast::row::{RowShape, Symbols};
use crate::kernel::fast::unpack::{self, Ahead};
use crate::kernel::{bytes_of, dot};

/// Activations, filled with zeros, and biases, with room for the words of a row.
#[derive(Clone)]
pub(super) struct Desk<X> {
    x: Vec<X>,
    bias: Vec<u16>,
    words: Vec<u16>,
}

impl<X: Activation> Desk<X> {
    pub(super) fn new(x: &[X], bias: &[u16]) -> Self {
        let mut x = x.to_vec();
        x.resize(dot::padded(bias.len()), X::default());
        Desk { x, bias: bias.to_vec(), words: vec![0; bias.len()] }
    }
}

/// What rows are multiplied with.
pub(super) trait Activation: Copy + Default {
    /// A row of words times activations.
    fn times(row: &[u16], x: &[Self], out: &mut f32);
}

impl Activation for f32 {
    fn times(row: &[u16], x: &[f32], out: &mut f32) {
        dot::scalar::rows_f32(Dtype::Bf16, bytes_of(row), row.len(), x, 0, std::slice::from_mut(out));
    }
}

impl Activation for u16 {
    fn times(row: &[u16], x: &[u16], out: &mut f32) {
        dot::scalar::pair_rows(bytes_of(row), row.len(), x, 0, std::slice::from_mut(out));
    }
}

pub(super) fn rows<'a, X: Activation>(
    shape: RowShape,
    upper: &[u8; 16],
    rows: Rows<'a>,
    mut listed: impl FnMut(usize) -> Listed<'a>,
    desk: &mut Desk<X>,
    out: &mut [f32],
) {
    let last = rows.payload.len().checked_sub(shape.reach()).expect("what a row reaches");
    assert!(rows.at[..out.len()].iter().all(|&at| at <= last));
    let Desk { x, bias, words } = desk;
    let symbols = Symbols { upper, bias };
    for (i, (at, out)) in rows.at.iter().zip(out).enumerate() {
        unpack::scalar::rows(shape, symbols, rows.payload, &[*at], Ahead::NONE, words);
        listed(i).exceptions.iter().for_each(|exception| put(exception, bias, words));
        X::times(words, x, out);
    }
}

/// Gives the word of an exception its upper byte; the lower one stands in its group.
fn put(exception: &Exception, bias: &[u16], words: &mut [u16]) {
    let column = column(exception);
    let [lower, _] = words[column].wrapping_sub(bias[column]).to_le_bytes();
    words[column] = u16::from_le_bytes([lower, exception[2]]).wrapping_add(bias[column]);
}
