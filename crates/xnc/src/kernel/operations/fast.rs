//! Rows of codec `fast`: of any bytes.

use super::shared::activations;
use super::{Choices, bits, sums};
use crate::dtype::Dtype;
use crate::kernel::dot::{self, batch};
use crate::kernel::fast::pack::{Codes, group};
use crate::kernel::fast::product::Fused;
use crate::kernel::fast::product::batch::FusedBatch;
use crate::kernel::fast::row::{ENTRY, GROUP, GUARD, PLAIN, Row, RowShape, Symbols, WordSplit};
use crate::kernel::fast::unpack::{Many, rows};
use crate::kernel::{Aligned, Backend, bytes_of, stream};

pub fn pack_group(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let split = choices.one(&[WordSplit::Bf16, WordSplit::F16]);
    let first = choices.byte() % 100;
    let ranked = std::array::from_fn(|rank| (first + rank as u8 + 8) << split.planes() & 0x7f);
    let bias: [u8; GROUP] = std::array::from_fn(|_| choices.byte() & 3);
    let codes = Codes { ranked, phase: choices.one(&[0, 0x80, 0x400]) };
    let packed = group(backend, split, codes, &bias, &choices.group());
    let planes = [packed.sign, packed.rare].into_iter().chain(packed.kept);
    let planes = planes.flat_map(|bits| [bits as u32, (bits >> 32) as u32]);
    let bytes = packed.ranks.into_iter().chain(packed.lower).chain(packed.symbols);
    planes.chain(bytes.map(u32::from)).collect()
}

/// Rows of any bytes, and what they share.
struct Coded {
    shape: RowShape,
    ranked: [u8; 4],
    added: [u8; 16],
    bias: Vec<u8>,
    phase: u16,
    listed: usize,
    payload: Vec<u8>,
    rows: Vec<Row>,
}

impl Coded {
    fn new(split: WordSplit, choices: &mut Choices<'_>) -> Coded {
        let whole = GROUP * choices.below(6);
        let shape = RowShape { dim: choices.one(&[whole, choices.clone().below(400)]), split };
        let bits = choices.one(&[0x7f, 0x7f, 0xff]);
        let ranked = std::array::from_fn(|_| choices.byte() & bits);
        let added = std::array::from_fn(|_| choices.byte());
        let phase = choices.one(&[0, 0, 0x80, 0x400]);
        let bias = choices.bytes(shape.dim);
        let listed = choices.one(&[0, 8, 12, 13, 30, 60, 254]);
        // Rows may overlap.
        let row = |choices: &mut Choices<'_>| Row {
            at: choices.below(41),
            listed: choices.one(&[0, 0, 1, 2, 7, 9, 16, 17, 40, 254, PLAIN]),
        };
        let rows: Vec<Row> = (0..choices.below(9)).map(|_| row(choices)).collect();
        let payload = choices.bytes(41 + ENTRY * 254 + 2 * shape.dim + 8 + GUARD);
        Coded { shape, ranked, added, bias, phase, listed, payload, rows }
    }

    fn symbols(&self) -> Symbols<'_> {
        let Coded { ranked, added, ref bias, phase, listed, .. } = *self;
        Symbols { ranked, added, bias, phase, listed }
    }

    fn product(&self, fused: Option<Fused>) -> Vec<u32> {
        let mut out = vec![9.0; self.rows.len()];
        if let Some(mut fused) = fused {
            fused.times(&self.payload, &self.rows, &mut out);
        }
        // What loops give for plain rows is anything.
        let plain = self.rows.iter().zip(&mut out).filter(|(row, _)| row.is_plain());
        plain.for_each(|(_, out)| *out = 0.0);
        sums(&out)
    }
}

impl Coded {
    /// Rows times several vectors, twice, so that rooms that are not left zero are found; where there is no such
    /// loop, by way of `plain`, which multiplies decoded words.
    fn batch(
        &self,
        backend: Backend,
        vectors: usize,
        fused: Option<FusedBatch>,
        plain: impl Fn(&[u8], &mut [&mut [f32]]),
    ) -> Vec<u32> {
        let mut sums_of = vec![vec![9.0; self.rows.len()]; vectors];
        let mut out: Vec<&mut [f32]> = sums_of.iter_mut().map(|out| &mut out[..]).collect();
        match fused {
            Some(mut fused) => (0..2).for_each(|_| fused.times(&self.payload, &self.rows, &mut out)),
            None => {
                let mut words = vec![0; self.rows.len() * self.shape.dim];
                rows(backend, self.shape, self.symbols(), &self.payload, &self.rows, &[], &mut words);
                plain(bytes_of(&words), &mut out);
            }
        }
        // What loops give for plain rows is anything.
        let plain = self.rows.iter().enumerate().filter(|(_, row)| row.is_plain());
        plain.for_each(|(i, _)| out.iter_mut().for_each(|out| out[i] = 0.0));
        sums(&sums_of.concat())
    }
}

pub fn unpack_rows_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    unpack_rows(backend, WordSplit::Bf16, choices)
}

pub fn unpack_rows_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    unpack_rows(backend, WordSplit::F16, choices)
}

fn unpack_rows(backend: Backend, split: WordSplit, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(split, choices);
    let at: Vec<usize> = coded.rows.iter().map(|row| row.at).collect();
    let ahead = if choices.below(2) == 0 { &[][..] } else { &at };
    let mut out = vec![0; at.len() * coded.shape.dim];
    rows(backend, coded.shape, coded.symbols(), &coded.payload, &coded.rows, ahead, &mut out);
    bits(&out)
}

/// Many rows, near and past the caches.
pub fn unpack_many(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let split = choices.one(&[WordSplit::Bf16, WordSplit::F16]);
    let coded = Coded::new(split, choices);
    let (far, words) = (choices.below(2) == 0, coded.rows.len() * coded.shape.dim);
    // Anywhere in a line.
    let place = choices.below(40);
    let mut whole = Aligned::new(place + words + 40, 7);
    let out = &mut whole[place..][..words];
    stream::scope(backend, |stream| match Many::new(backend, coded.shape) {
        Some(mut many) => {
            let far = if far { Some(stream) } else { None };
            // Twice, so that rooms that are not left zero are found.
            for _ in 0..2 {
                many.rows(coded.symbols(), &coded.payload, &coded.rows, out, far);
            }
        }
        None if coded.shape.dim > 0 => {
            rows(backend, coded.shape, coded.symbols(), &coded.payload, &coded.rows, &[], out);
        }
        None => {}
    });
    // What loops give for plain rows is anything.
    let dim = coded.shape.dim.max(1);
    let plain = coded.rows.iter().zip(out.chunks_exact_mut(dim)).filter(|(row, _)| row.is_plain());
    plain.for_each(|(_, out)| out.fill(0));
    bits(&whole)
}

pub fn product_f32(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(WordSplit::Bf16, choices);
    let x = activations(choices, coded.shape.dim);
    coded.product(Fused::f32(backend, coded.shape, coded.symbols(), &x))
}

pub fn product_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(WordSplit::Bf16, choices);
    let x = choices.bf16(coded.shape.dim);
    coded.product(Fused::bf16(backend, coded.shape, coded.symbols(), &x))
}

pub fn product_batch_f32_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    product_batch_f32(backend, WordSplit::Bf16, Dtype::Bf16, choices)
}

pub fn product_batch_f32_f16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    product_batch_f32(backend, WordSplit::F16, Dtype::F16, choices)
}

fn product_batch_f32(
    backend: Backend,
    split: WordSplit,
    dtype: Dtype,
    choices: &mut Choices<'_>,
) -> Vec<u32> {
    let coded = Coded::new(split, choices);
    let dim = coded.shape.dim;
    let vectors = 2 + choices.below(batch::MOST - 1);
    let x: Vec<f32> = (0..vectors).flat_map(|_| activations(choices, dim)).collect();
    let mut arranged = vec![9.0; vectors * dot::padded(dim)];
    batch::arrange_f32(backend, dtype, dim, &x, &mut arranged);
    coded.batch(backend, vectors, FusedBatch::f32(backend, coded.shape, coded.symbols(), &x), |words, out| {
        batch::rows_f32(backend, dtype, words, dim, &arranged, 0, out)
    })
}

pub fn product_batch_bf16(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let coded = Coded::new(WordSplit::Bf16, choices);
    let dim = coded.shape.dim;
    let vectors = 2 + choices.below(batch::MOST - 1);
    let x: Vec<u16> = (0..vectors).flat_map(|_| choices.bf16(dim)).collect();
    let mut arranged = vec![9; vectors * dot::padded(dim)];
    batch::arrange_bf16(dim, &x, &mut arranged);
    coded.batch(
        backend,
        vectors,
        FusedBatch::bf16(backend, coded.shape, coded.symbols(), &x),
        |words, out| batch::rows_bf16(backend, words, dim, &arranged, 0, out),
    )
}
