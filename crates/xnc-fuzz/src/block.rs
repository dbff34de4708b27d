//! Block decode: any bits are blocks of some words, and those are what the model reads; anything else about a
//! chunk is an error.

use serde_json::Value;
use xnc::{Codec, Dtype};

use crate::choices::Choices;
use crate::coded::Coded;
use crate::model::{self, Bits};

const BLOCK_WORDS: usize = 32;
const CHUNK_WORDS: usize = 8192;

/// Makes a table whose blocks are the bits of what is left of the choices, with its words.
fn by_chance(choices: &mut Choices<'_>) -> (Coded, Vec<u16>) {
    let dtype = choices.one(&[Dtype::F16, Dtype::Bf16]);
    let full = [0, 0, 0, 0, 0, 0, 1, 2][choices.below(8)];
    let total = full * CHUNK_WORDS + choices.below(2000) % if full > 0 { 70 } else { 2000 };
    let rarely = choices.byte();
    let (mut words, mut payload, mut index) = (vec![0; total], Vec::new(), Vec::new());
    let (mut exceptions, mut size) = (Vec::new(), 0);
    for (number, chunk) in words.chunks_mut(CHUNK_WORDS).enumerate() {
        let mut bits = Bits::new(choices.0.get(number..).unwrap_or_default());
        for (number, block) in chunk.chunks_mut(BLOCK_WORDS).enumerate() {
            let plain = dtype == Dtype::Bf16 && rarely & 3 == 3 && (number as u8).is_multiple_of(rarely);
            if plain {
                exceptions.push(number as u8);
                model::exception(&mut bits, block);
            } else {
                model::block(&mut bits, block);
                if dtype == Dtype::Bf16 {
                    block.iter_mut().for_each(|word| *word = model::bf16_of(*word));
                }
            }
        }
        let (count, bytes) = bits.taken();
        size += count;
        payload.extend_from_slice(&bytes);
        index.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        index.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        index.extend_from_slice(&(exceptions.len() as u32).to_le_bytes());
    }
    index.extend_from_slice(&exceptions);
    payload.resize(payload.len().next_multiple_of(64), 0);
    index.resize(index.len().next_multiple_of(64), 0);
    let params = serde_json::json!({"bits": size}).to_string();
    (Coded { codec: Codec::Xnc, dtype, extent: [total, 1], params, payload, index }, words)
}

/// What the encoder makes of the words decodes to them, and is no longer: its forms are the shortest.
fn comes_back(table: &Coded, words: &[u16]) {
    let again = Coded::new(Codec::Xnc, table.dtype, table.extent, words);
    assert_eq!(again.read(0..words.len(), true).expect("just encoded"), words);
    if table.dtype == Dtype::F16 {
        let bits = |table: &Coded| {
            let params: Value = serde_json::from_str(&table.params).expect("JSON");
            params["bits"].as_u64().expect("a number")
        };
        assert!(bits(&again) <= bits(table));
    }
}

/// Target `block`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (mut table, words) = by_chance(&mut choices);
    assert_eq!(table.read(0..words.len(), true).expect("any bits are blocks"), words);
    table.read_whole_and_parts(&mut choices);
    comes_back(&table, &words);
    // From here on errors are fine. Without checksums, an edit gets as far as the blocks.
    table.edit(&mut choices);
    for check in [true, false] {
        drop(table.read(0..words.len(), check));
    }
}
