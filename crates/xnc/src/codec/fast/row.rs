//! One row: words to bytes and back. `spec/fast.md`, section 3.

use super::symbols::Fit;
use super::word_form;
use crate::dtype::{Dtype, Words};
use crate::error::{Error, Result};
use crate::kernel::Backend;
use crate::kernel::fast::pack::{self, Packed};
use crate::kernel::fast::row::{GROUP, RowShape, Symbols, place};

/// First byte of a row that holds its words as they are.
pub const PLAIN: u8 = 255;

/// Bytes of an exception: column, upper byte.
pub const EXCEPTION: usize = 3;

/// An encoded chunk.
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// Where its rows begin.
    pub starts: Vec<u16>,
}

/// Encodes the rows of a chunk.
pub struct Encoder<'a> {
    backend: Backend,
    dtype: Dtype,
    fit: &'a Fit,
    bias: Vec<u16>,
    chunk: Chunk,
    /// Bits of the third and last tier, while those of the second are written.
    rest: Bits,
}

impl<'a> Encoder<'a> {
    pub fn new(backend: Backend, dtype: Dtype, fit: &'a Fit, dim: usize) -> Self {
        let bias = word_bias(dtype, fit.bias());
        debug_assert_eq!(bias.len(), dim);
        let chunk = Chunk { bytes: Vec::with_capacity(1 << 16), starts: Vec::new() };
        Encoder { backend, dtype, fit, bias, chunk, rest: Bits::default() }
    }

    /// Adds a row.
    pub fn add(&mut self, words: &[u16]) {
        let start = self.chunk.bytes.len();
        self.chunk.starts.push(start as u16);
        if !self.add_coded(words) {
            self.chunk.bytes.truncate(start);
            self.chunk.bytes.push(PLAIN);
            words.iter().for_each(|word| self.chunk.bytes.extend_from_slice(&word.to_le_bytes()));
        }
    }

    /// False when the row does not fit or gains nothing; then what was written is to be dropped.
    fn add_coded(&mut self, words: &[u16]) -> bool {
        let form = word_form(self.dtype);
        let start = self.chunk.bytes.len();
        let bytes = &mut self.chunk.bytes;
        let mut exceptions = Vec::new();
        let mut second = Bits::default();
        self.rest.clear();
        let mut whole = true;
        bytes.push(0);
        let ((groups, tail), (biases, tail_bias)) = (words.as_chunks::<GROUP>(), self.bias.as_chunks());
        let mut write = |packed: &Packed, words: &[u16], at: &dyn Fn(usize) -> usize, first: usize| {
            let plane = words.len().div_ceil(8);
            let planes = [packed.escape, packed.sign, packed.kept[0], packed.kept[1], packed.kept[2]];
            for bits in &planes[..2 + form.planes()] {
                bytes.extend_from_slice(&bits.to_le_bytes()[..plane]);
            }
            bytes.extend_from_slice(&packed.lower[..words.len()]);
            second.put(packed.second);
            self.rest.put(packed.rest);
            whole &= packed.fits();
            if packed.strange != 0 {
                for (i, word) in words.iter().enumerate().filter(|&(i, _)| packed.strange >> at(i) & 1 == 1) {
                    let upper = word.wrapping_sub(self.bias[first + i]) >> 8;
                    exceptions.extend_from_slice(&((first + i) as u16).to_le_bytes());
                    exceptions.push(upper as u8);
                }
            }
        };
        let bit = |i| crate::kernel::fast::row::plane_bit(place(i));
        for (number, (group, bias)) in groups.iter().zip(biases).enumerate() {
            write(
                &pack::group(self.backend, form, self.fit.tops(), bias, group),
                group,
                &bit,
                number * GROUP,
            );
        }
        if !tail.is_empty() {
            let packed = pack::tail(form, self.fit.tops(), tail_bias, tail);
            write(&packed, tail, &|i| i, groups.len() * GROUP);
        }
        second.append(&self.rest);
        second.finish(bytes);
        let listed = exceptions.len() / EXCEPTION;
        bytes.extend_from_slice(&exceptions);
        let count = u8::try_from(listed).unwrap_or(PLAIN);
        bytes[start] = count;
        // Columns of exceptions have two bytes.
        let addressable = listed == 0 || words.len() <= 1 << 16;
        whole && addressable && count != PLAIN && bytes.len() - start <= 2 * words.len()
    }

    pub fn finish(self) -> Chunk {
        self.chunk
    }
}

/// A stream of bits, the first in the lowest bit of a byte.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    last: u64,
    used: u32,
}

impl Bits {
    fn clear(&mut self) {
        self.words.clear();
        (self.last, self.used) = (0, 0);
    }

    fn put(&mut self, (bits, count): (u64, u32)) {
        debug_assert!(self.used < 64);
        // A group that does not fit has any count; its row is dropped.
        let count = count.min(63);
        let bits = bits & ((1 << count) - 1);
        self.last |= bits << self.used;
        if self.used + count >= 64 {
            self.words.push(self.last);
            self.last = if self.used == 0 { 0 } else { bits >> (64 - self.used) };
        }
        self.used = (self.used + count) % 64;
    }

    fn append(&mut self, other: &Bits) {
        for &word in &other.words {
            self.put((word, 32));
            self.put((word >> 32, 32));
        }
        self.put((other.last, other.used));
    }

    fn finish(&self, bytes: &mut Vec<u8>) {
        self.words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.extend_from_slice(&self.last.to_le_bytes()[..self.used.div_ceil(8) as usize]);
    }
}

/// What a column's bias adds to its words.
pub fn word_bias(dtype: Dtype, bias: &[u8]) -> Vec<u16> {
    bias.iter().map(|&bias| u16::from(bias) << dtype.mantissa_bits()).collect()
}

/// Puts right what the kernel leaves: a row that is plain, or that has exceptions. `row` is the row's bytes
/// and no more; `out` holds its words as the kernel gave them.
///
/// # Errors
/// [`Error::Corrupt`] where the bytes cannot be those of an encoder.
pub fn complete(shape: RowShape, symbols: Symbols<'_>, row: &[u8], out: &mut [u16]) -> Result<()> {
    let first = row.first().copied().unwrap_or(0);
    let wrong = || Error::corrupt(format!("a row that begins with {first} cannot have {} bytes", row.len()));
    if first == PLAIN {
        if row.len() != 1 + 2 * shape.dim {
            return Err(wrong());
        }
        Words::new(&row[1..]).read(0, out);
        return Ok(());
    }
    let listed = usize::from(first) * EXCEPTION;
    if row.len() < shape.tiers() + listed {
        return Err(wrong());
    }
    for exception in row[row.len() - listed..].as_chunks::<EXCEPTION>().0 {
        let column = usize::from(u16::from_le_bytes([exception[0], exception[1]]));
        let Some(word) = out.get_mut(column) else {
            return Err(Error::corrupt(format!("an exception in column {column} of {}", shape.dim)));
        };
        let bias = symbols.bias[column];
        let [lower, _] = word.wrapping_sub(bias).to_le_bytes();
        *word = u16::from_le_bytes([lower, exception[2]]).wrapping_add(bias);
    }
    Ok(())
}
