//! Codecs `fast` and `tight` on edited tables, as target `dense` does it: rows with lies in them give an error or
//! words, and a range the words of the whole.

use std::sync::OnceLock;

use xnc::{Codec, Dtype};

use crate::choices::Choices;
use crate::coded::Coded;
use crate::seal::seal_pages;

/// Rows with tails, with lists, plain rows, both types of words.
const GOLDEN: [(Codec, &[u8]); 3] = [
    (Codec::Fast, include_bytes!("../../../spec/vectors/1.0-fast.safetensors")),
    (Codec::Fast, include_bytes!("../../../spec/vectors/1.0-fast.gguf")),
    (Codec::Tight, include_bytes!("../../../spec/vectors/1.0-tight.safetensors")),
];

fn tables() -> &'static [Coded] {
    static TABLES: OnceLock<Vec<Coded>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let golden = GOLDEN.iter().flat_map(|&(codec, file)| Coded::of_file(file, codec));
        let kinds = [Codec::Fast, Codec::Tight]
            .into_iter()
            .flat_map(|codec| [Dtype::Bf16, Dtype::F16].map(|dtype| (codec, dtype)));
        let made = kinds.flat_map(|(codec, dtype)| {
            // A tail alone, groups alone, both, one word, and rows of many blocks and pages.
            let extents = [(40, 10), (9, 64), (30, 200), (300, 1), (700, 70)];
            extents.map(|(rows, dim)| table(codec, dtype, rows, dim))
        });
        made.chain(golden).collect()
    })
}

/// Most words have one of the commonest symbols, some have not, and every eleventh row is too wild to be coded.
fn table(codec: Codec, dtype: Dtype, rows: usize, dim: usize) -> Coded {
    let noise = |n: usize| (n.wrapping_mul(0x9e37_79b9) >> 9) as u16;
    let one = if dtype == Dtype::Bf16 { 0x3f00 } else { 0x3c00 };
    let word = |n: usize| match (n / dim % 11, noise(n) % 50) {
        (10, _) | (_, 0) => noise(n ^ 0x5555).rotate_left(5),
        (_, k) => (noise(n + 1) & 0x80ff | one) - ((k / 6) << 8),
    };
    Coded::new(codec, dtype, [rows, dim], &(0..rows * dim).map(word).collect::<Vec<_>>())
}

/// Target `fast`, which is `tight`'s, too.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut table = tables()[choices.below(tables().len())].clone();
    table.edit(&mut choices);
    if choices.byte() % 8 != 0 {
        let [rows, dim] = table.extent.map(|axis| axis as u64);
        seal_pages(&mut table.index, &table.payload, rows, dim);
    }
    table.read_whole_and_parts(&mut choices);
}
