//! Rows of codec `tight`: of any bytes.

use super::shared::activations;
use super::{Choices, bits, sums};
use crate::kernel::tight::product::Fused;
use crate::kernel::tight::row::{CODES, GROUP, PLAIN, Row, RowShape, Symbols, WordSplit};
use crate::kernel::tight::unpack::{Ahead, Unpacker};
use crate::kernel::{Aligned, Backend, stream};

/// Rows of any bytes, and what they share.
struct Coded {
    shape: RowShape,
    levels: [[u8; 4]; 3],
    bias: Vec<u8>,
    usual: [usize; 2],
    payload: Vec<u8>,
    rows: Vec<Row>,
}

impl Coded {
    fn new(split: WordSplit, choices: &mut Choices<'_>) -> Coded {
        let whole = GROUP * choices.below(6);
        let shape = RowShape { dim: choices.one(&[whole, choices.clone().below(400)]), split };
        let levels = std::array::from_fn(|_| std::array::from_fn(|_| choices.byte()));
        let bias = choices.bytes(shape.places());
        let usual = [0, 1].map(|_| choices.below(1 + shape.groups()));
        // Rows may overlap.
        let row = |choices: &mut Choices<'_>| Row {
            at: choices.below(41),
            second: match choices.below(8) {
                0 => PLAIN,
                _ => choices.below(1 + CODES * shape.groups()),
            },
            third: choices.one(&[0, 1, 7, 15, 16, 17, 60, 200]),
        };
        let rows: Vec<Row> = (0..choices.below(20)).map(|_| row(choices)).collect();
        // Rows in which many words pass, and rows in which few do.
        let few = choices.one(&[0, 0x55, 0x11]);
        let length = 41 + shape.coded() + CODES * shape.groups() + 200 + shape.guard();
        let payload = (0..length).map(|_| choices.byte() | few).collect();
        Coded { shape, levels, bias, usual, payload, rows }
    }

    fn symbols(&self) -> Symbols<'_> {
        Symbols { levels: self.levels, bias: &self.bias, usual: self.usual }
    }

    fn product(&self, fused: Option<Fused>) -> Vec<u32> {
        let mut out = vec![9.0; self.rows.len()];
        if let Some(mut fused) = fused {
            // Twice, so that stages that are not left as they should be are found.
            for _ in 0..2 {
                fused.times(&self.payload, &self.rows, &mut out);
            }
        }
        // What loops give for plain rows is anything.
        let plain = self.rows.iter().zip(&mut out).filter(|(row, _)| row.is_plain());
        plain.for_each(|(_, out)| *out = 0.0);
        sums(&out)
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
    let dim = coded.shape.dim;
    let at: Vec<usize> = coded.rows.iter().map(|row| row.at).collect();
    let ahead = choices.one(&[Ahead::run(), Ahead::Places(&[]), Ahead::Places(&at)]);
    // Anywhere in a line.
    let (place, words) = (choices.below(40), coded.rows.len() * dim);
    let mut whole = Aligned::new(place + words + 40, 7);
    let out = &mut whole[place..][..words];
    let mut unpacker = Unpacker::new(backend, coded.shape);
    // Near and past the caches; twice, so that stages that are not left as they should be are found.
    let far = choices.below(2) == 0;
    stream::scope(backend, |stream| {
        for _ in 0..2 {
            let far = far.then_some(stream);
            unpacker.rows(coded.symbols(), &coded.payload, &coded.rows, ahead, out, far);
        }
    });
    let plain = coded.rows.iter().zip(out.chunks_exact_mut(dim.max(1))).filter(|(row, _)| row.is_plain());
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
