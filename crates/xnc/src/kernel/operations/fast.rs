//! Rows of codec `fast`: of any bytes, but for exceptions, which are where an encoder puts them.

use super::shared::activations;
use super::{Choices, bits, sums};
use crate::dtype::Dtype;
use crate::kernel::fast::pack::{Tops, group};
use crate::kernel::fast::product::{Fused, Rows, Scale, Shared};
use crate::kernel::fast::row::{GROUP, RowShape, Symbols, WordSplit, upper};
use crate::kernel::fast::unpack::{Ahead, rows};
use crate::kernel::{Backend, bytes_of, dot};

/// Marks a plain row, which no loop multiplies.
const PLAIN: u8 = u8::MAX;

pub fn pack_group(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let split = choices.one(&[WordSplit::Bf16, WordSplit::F16]);
    let tops = match split {
        WordSplit::Bf16 => tops(choices),
        WordSplit::F16 => std::array::from_fn(|i| 8 * (9 - i as u8)),
    };
    let bias: [u16; GROUP] = std::array::from_fn(|_| choices.word() & 0x0380);
    let words = choices.group();
    let words = std::array::from_fn(|i| words[i].wrapping_add(bias[i]));
    let packed = group(backend, split, &tops, &bias, &words);
    if !packed.fits() {
        return Vec::new();
    }
    let parts = [packed.escape, packed.sign, packed.second.0, packed.rest.0, packed.strange];
    let planes = parts.into_iter().chain(packed.kept).flat_map(|bits| [bits as u32, (bits >> 32) as u32]);
    let lower = packed.lower.map(u32::from);
    planes.chain(lower).chain([packed.second.1, packed.rest.1]).collect()
}

/// Upper bytes without sign, those of weights or any, none twice.
fn tops(choices: &mut Choices<'_>) -> Tops {
    let first = choices.one(&[66, 1 + choices.clone().byte() % 120]);
    std::array::from_fn(|i| (first as usize + 128 - i) as u8 & 0x7f)
}

pub fn unpack_rows_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    unpack_rows(backend, WordSplit::Bf16, choices)
}

pub fn unpack_rows_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    unpack_rows(backend, WordSplit::F16, choices)
}

fn unpack_rows(backend: Backend, split: WordSplit, choices: &mut Choices<'_>) -> Vec<u32> {
    let shape = RowShape { dim: choices.below(400), split };
    let upper = std::array::from_fn(|_| choices.byte());
    let bias = choices.words(shape.dim);
    // Rows may overlap: any bytes give some words.
    let payload = payload(choices, shape.reach() + 40);
    let at: Vec<usize> = (0..choices.below(5)).map(|_| choices.below(41)).collect();
    let ahead = if choices.below(2) == 0 { Ahead::NONE } else { Ahead { at: &at, bytes: 512 } };
    let mut out = vec![0; at.len() * shape.dim];
    rows(backend, shape, Symbols { upper: &upper, bias: &bias }, &payload, &at, ahead, &mut out);
    bits(&out)
}

/// Bytes in which bits are rare, as many as others, or frequent.
fn payload(choices: &mut Choices<'_>, len: usize) -> Vec<u8> {
    match choices.below(3) {
        0 => (0..len).map(|_| choices.byte() & choices.byte()).collect(),
        1 => choices.bytes(len),
        _ => (0..len).map(|_| choices.byte() | choices.byte()).collect(),
    }
}

/// Coded rows that follow each other, and what they share.
struct Coded {
    shape: RowShape,
    upper: [u8; 16],
    bias: Vec<u16>,
    scale: Option<Scale>,
    payload: Vec<u8>,
    at: Vec<usize>,
}

impl Coded {
    fn new(choices: &mut Choices<'_>) -> Coded {
        let shape = RowShape { dim: GROUP * (1 + choices.below(5)), split: WordSplit::Bf16 };
        let upper = upper(tops(choices));
        let steep = choices.one(&[1, 4, 9, 127]);
        let steps: Vec<u8> =
            (0..shape.dim).map(|_| (choices.byte().cast_signed() % steep).cast_unsigned()).collect();
        let bias = steps.iter().map(|&step| u16::from(step) << 7).collect();
        let scale = if choices.below(4) == 0 { None } else { Scale::new(&steps) };
        let mut coded = Coded { shape, upper, bias, scale, payload: Vec::new(), at: Vec::new() };
        for _ in 0..1 + choices.below(6) {
            coded.add_row(choices);
        }
        coded.at.push(coded.payload.len());
        coded
    }

    /// Appends a row that reaches only its own bytes, so that it may be the last.
    fn add_row(&mut self, choices: &mut Choices<'_>) {
        let mut row = payload(choices, self.shape.reach());
        let codes: [u8; 16] = std::array::from_fn(|code| code as u8);
        let none = vec![0; self.shape.dim];
        let mut words = vec![0; self.shape.dim];
        let symbols = Symbols { upper: &codes, bias: &none };
        rows(Backend::SCALAR, self.shape, symbols, &row, &[0], Ahead::NONE, &mut words);
        // An exception is coded as code 0, under its own sign; most rows have one upper byte for all of a
        // sign.
        let (count, usual) = (choices.one(&[0, 0, 0, 1, 1, 2, 5, 9]), choices.byte());
        let mut column = choices.below(self.shape.dim);
        let mut exceptions = Vec::new();
        while exceptions.len() < 3 * count && column < self.shape.dim {
            let code = words[column] >> 8;
            if code & 7 == 0 {
                let byte = if choices.below(8) == 0 { choices.byte() } else { usual };
                let sign = if code == 8 { 0x80 } else { 0 };
                exceptions.extend((column as u16).to_le_bytes());
                exceptions.push(byte & 0x7f | sign);
            }
            column += 1 + choices.below(20);
        }
        row[0] = if choices.below(12) == 0 { PLAIN } else { (exceptions.len() / 3) as u8 };
        self.at.push(self.payload.len());
        self.payload.extend(row);
        self.payload.extend(exceptions);
    }

    fn shared(&self) -> Shared<'_> {
        let symbols = Symbols { upper: &self.upper, bias: &self.bias };
        Shared { shape: self.shape, symbols, scale: self.scale.as_ref() }
    }

    /// The rows times what `fused` holds, and where it leaves them, times what `plain` does with their words.
    fn product(&self, backend: Backend, fused: Option<Fused>, plain: impl Fn(&[u8], &mut [f32])) -> Vec<u32> {
        let (mut out, mut left) = (vec![9.0; self.at.len() - 1], Vec::new());
        match fused {
            Some(mut fused) => {
                fused.times(Rows { payload: &self.payload, at: &self.at }, &mut out, &mut left)
            }
            None => left.extend(0..out.len()),
        }
        for row in left {
            let words = self.words(backend, row);
            plain(bytes_of(&words), &mut out[row..][..1]);
        }
        sums(&out)
    }

    /// The words of a row that is not plain; of one that is, what its bytes give.
    fn words(&self, backend: Backend, row: usize) -> Vec<u16> {
        let mut words = vec![0; self.shape.dim];
        let (at, end) = (self.at[row], self.at[row + 1]);
        let symbols = self.shared().symbols;
        rows(backend, self.shape, symbols, &self.payload, &[at], Ahead::NONE, &mut words);
        let number = if self.payload[at] == PLAIN { 0 } else { usize::from(self.payload[at]) };
        for exception in self.payload[end - 3 * number..end].as_chunks::<3>().0 {
            let column = usize::from(u16::from_le_bytes([exception[0], exception[1]]));
            let [lower, _] = words[column].wrapping_sub(self.bias[column]).to_le_bytes();
            words[column] = u16::from_le_bytes([lower, exception[2]]).wrapping_add(self.bias[column]);
        }
        words
    }
}

pub fn product_f32(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(choices);
    let dim = coded.shape.dim;
    let x = activations(choices, dim);
    let mut arranged = vec![0.0; dot::padded(dim)];
    dot::arrange(backend, Dtype::Bf16, &x, &mut arranged);
    coded.product(backend, Fused::f32(backend, coded.shared(), &x), |words, out| {
        dot::rows_f32(backend, Dtype::Bf16, words, dim, &arranged, 0, out);
    })
}

pub fn product_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(choices);
    let dim = coded.shape.dim;
    let x = choices.bf16(dim);
    coded.product(backend, Fused::bf16(backend, coded.shared(), &x), |words, out| {
        dot::rows_bf16(backend, words, dim, &x, 0, out);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Or the comparison of products would show little.
    #[test]
    fn most_rows_stay_in_the_loops() {
        let data: Vec<u8> = (0..60_000_u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 19) as u8).collect();
        for backend in Backend::every_kind() {
            let choices = &mut Choices::new(&data);
            let (mut rows, mut left, mut fused) = (0, Vec::new(), [0; 2]);
            for _ in 0..100 {
                let coded = Coded::new(choices);
                let run = Rows { payload: &coded.payload, at: &coded.at };
                let mut out = vec![0.0; coded.at.len() - 1];
                let both = [
                    Fused::f32(backend, coded.shared(), &activations(choices, coded.shape.dim)),
                    Fused::bf16(backend, coded.shared(), &choices.bf16(coded.shape.dim)),
                ];
                for (fused, count) in both.into_iter().zip(&mut fused) {
                    if let Some(mut fused) = fused {
                        fused.times(run, &mut out, &mut left);
                        (rows, *count) = (rows + out.len(), *count + 1);
                    }
                }
            }
            assert!(3 * left.len() < rows, "{backend:?} leaves {} of {rows} rows", left.len());
            assert!(fused[0] == 100 && fused[1] > 20, "{backend:?} {fused:?}");
        }
    }
}
