//! Rows of codec `fast`: of any bytes.

use super::shared::activations;
use super::{Choices, bits, sums};
use crate::kernel::Backend;
use crate::kernel::fast::pack::group;
use crate::kernel::fast::product::Fused;
use crate::kernel::fast::row::{GROUP, GUARD, PLAIN, Row, RowShape, Symbols, WordSplit, list};
use crate::kernel::fast::unpack::{Ahead, rows};

pub fn pack_group(backend: Backend, choices: &mut Choices<'_>) -> Vec<u32> {
    let split = choices.one(&[WordSplit::Bf16, WordSplit::F16]);
    let first = choices.byte() % 100;
    let ranked = std::array::from_fn(|rank| (first + rank as u8 + 8) << split.planes() & 0x7f);
    let bias: [u16; GROUP] = std::array::from_fn(|_| choices.word() & 0x0380);
    let words = choices.group();
    let words = std::array::from_fn(|i| words[i].wrapping_add(bias[i]));
    let packed = group(backend, split, ranked, &bias, &words);
    let planes = [packed.sign, packed.rare].into_iter().chain(packed.kept);
    let planes = planes.flat_map(|bits| [bits as u32, (bits >> 32) as u32]);
    let bytes = packed.ranks.into_iter().chain(packed.lower).chain(packed.symbols);
    planes.chain(bytes.map(u32::from)).collect()
}

/// Rows of any bytes, and what they share.
struct Coded {
    shape: RowShape,
    ranked: [u8; 4],
    rare: [u8; 16],
    bias: Vec<u16>,
    payload: Vec<u8>,
    rows: Vec<Row>,
}

impl Coded {
    fn new(split: WordSplit, choices: &mut Choices<'_>) -> Coded {
        let whole = GROUP * choices.below(6);
        let shape = RowShape { dim: choices.one(&[whole, choices.clone().below(400)]), split };
        let ranked = std::array::from_fn(|_| choices.byte() & 0x7f);
        let rare = std::array::from_fn(|_| choices.byte() & 0x7f);
        let bias = choices.words(shape.dim).into_iter().map(|word| word & 0x7f80).collect();
        // Rows may overlap.
        let row = |choices: &mut Choices<'_>| Row {
            at: choices.below(41),
            listed: choices.one(&[0, 0, 1, 2, 7, 9, 16, 17, 40, 254, PLAIN]),
        };
        let rows: Vec<Row> = (0..choices.below(9)).map(|_| row(choices)).collect();
        let payload = choices.bytes(41 + list(254) + shape.coded() + GUARD);
        Coded { shape, ranked, rare, bias, payload, rows }
    }

    fn symbols(&self) -> Symbols<'_> {
        Symbols { ranked: self.ranked, rare: &self.rare, bias: &self.bias }
    }

    fn product(&self, fused: Option<Fused>) -> Vec<u32> {
        let mut out = vec![9.0; self.rows.len()];
        if let Some(mut fused) = fused {
            fused.times(&self.payload, &self.rows, &mut out);
        }
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
    let at: Vec<usize> = coded.rows.iter().map(|row| row.at).collect();
    let ahead = if choices.below(2) == 0 { Ahead::NONE } else { Ahead { at: &at, bytes: 512 } };
    let mut out = vec![0; at.len() * coded.shape.dim];
    rows(backend, coded.shape, coded.symbols(), &coded.payload, &coded.rows, ahead, &mut out);
    bits(&out)
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
