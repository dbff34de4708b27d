//! Codec `dense` on edited tables: an index and a payload with lies in them give an error or words, and a
//! range the words of the whole.

use std::sync::OnceLock;

use xnc::{Codec, Dtype};

use crate::choices::Choices;
use crate::coded::Coded;

/// Predicted tables of every grid, and a counted one.
const GOLDEN: [&[u8]; 2] = [
    include_bytes!("../../../spec/vectors/1.0-dense.safetensors"),
    include_bytes!("../../../spec/vectors/1.0-dense.gguf"),
];

/// A table of one chunk, with where the index keeps the chunk's checksum, and the bytes of the payload that it covers.
type Sealed = (Coded, usize, usize);

/// Makes the checksum right again: it stands between an edit and rows that are referred to.
fn seal((table, at, covered): &mut Sealed) {
    let check = crc32c::crc32c(&table.payload[..(*covered).min(table.payload.len())]);
    if let Some(slot) = table.index.get_mut(*at..*at + 4) {
        slot.copy_from_slice(&check.to_le_bytes());
    }
}

fn tables() -> &'static [Sealed] {
    static TABLES: OnceLock<Vec<Sealed>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let golden = GOLDEN.iter().flat_map(|file| Coded::of_file(file, Codec::Dense));
        let made = [Dtype::Bf16, Dtype::F16].into_iter().flat_map(|dtype| {
            [similar_rows(dtype, 200, 36), similar_rows(dtype, 64, 130), similar_rows(dtype, 5, 3)]
        });
        made.map(|table| sealed(table).expect("one chunk")).chain(golden.filter_map(sealed)).collect()
    })
}

/// Rows that predict each other, so that some refer to others.
fn similar_rows(dtype: Dtype, rows: usize, dim: usize) -> Coded {
    let noise = |n: usize| (n.wrapping_mul(0x9e37_79b9) >> 7) as u16;
    let one = if dtype == Dtype::Bf16 { 0x3c00 } else { 0x2400 };
    let word = |n: usize| {
        let (row, column) = (n / dim, n % dim);
        let base = noise(row % 7 * dim + column);
        (base & 0x8000 | one) + (base >> 4 & 0x1ff) + noise(n) % 9
    };
    Coded::new(Codec::Dense, dtype, [rows, dim], &(0..rows * dim).map(word).collect::<Vec<_>>())
}

/// Finds the checksum; none in a table of several chunks, or of none.
fn sealed(table: Coded) -> Option<Sealed> {
    let length = table.payload.len();
    let (at, covered) = (length.saturating_sub(63)..=length).rev().find_map(|covered| {
        let check = crc32c::crc32c(&table.payload[..covered]).to_le_bytes();
        Some((table.index.windows(4).position(|part| part == check)?, covered))
    })?;
    Some((table, at, covered))
}

/// Target `dense`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut table = tables()[choices.below(tables().len())].clone();
    table.0.edit(&mut choices);
    if choices.byte() % 8 != 0 {
        seal(&mut table);
    }
    table.0.read_whole_and_parts(&mut choices);
}
