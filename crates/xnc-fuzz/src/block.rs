//! Block decode: any bits are blocks of some words, and those are what the model reads; anything else about a chunk is an error.

use serde_json::json;
use xnc::codec::{self, Opened, Stored, TableShape};
use xnc::dtype::{Words, f16_to_bf16};
use xnc::{Codec, Dtype};

use crate::choices::Choices;
use crate::edit;
use crate::model::{self, Bits};

const BLOCK_WORDS: usize = 32;
const CHUNK_WORDS: usize = 8192;

/// A table that was coded by chance.
pub struct Table {
    shape: TableShape,
    words: Vec<u16>,
    payload: Vec<u8>,
    index: Vec<u8>,
    bits: usize,
}

impl Table {
    /// Makes a table whose blocks are the bits of what is left of the choices.
    pub fn new(choices: &mut Choices<'_>) -> Table {
        let dtype = choices.one(&[Dtype::F16, Dtype::Bf16]);
        let full = [0, 0, 0, 0, 0, 0, 1, 2][choices.below(8)];
        let total = full * CHUNK_WORDS + choices.below(2000) % if full > 0 { 70 } else { 2000 };
        let rarely = choices.byte();
        let shape = TableShape::new(dtype, &[total as u64]).expect("small");
        let mut table = Table { shape, words: vec![0; total], payload: vec![], index: vec![], bits: 0 };
        let mut exceptions = Vec::new();
        for (number, chunk) in table.words.chunks_mut(CHUNK_WORDS).enumerate() {
            let mut bits = Bits::new(choices.0.get(number..).unwrap_or_default());
            for (number, block) in chunk.chunks_mut(BLOCK_WORDS).enumerate() {
                let plain = dtype == Dtype::Bf16 && rarely & 3 == 3 && (number as u8).is_multiple_of(rarely);
                if plain {
                    exceptions.push(number as u8);
                    model::exception(&mut bits, block);
                } else {
                    model::block(&mut bits, block);
                    if dtype == Dtype::Bf16 {
                        block.iter_mut().for_each(|word| *word = f16_to_bf16(*word));
                    }
                }
            }
            let (count, bytes) = bits.taken();
            table.bits += count;
            table.payload.extend_from_slice(&bytes);
            table.index.extend_from_slice(&(table.payload.len() as u64).to_le_bytes());
            table.index.extend_from_slice(&(exceptions.len() as u32).to_le_bytes());
            table.index.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        }
        table.index.extend_from_slice(&exceptions);
        table.payload.resize(table.payload.len().next_multiple_of(64), 0);
        table.index.resize(table.index.len().next_multiple_of(64), 0);
        table
    }

    fn stored(&self) -> Stored<'_> {
        Stored { index: &self.index, payload: &self.payload }
    }

    /// Opens and decodes it; the words, or the first error.
    pub fn decode(&self) -> xnc::Result<Vec<u16>> {
        let opened = Opened::open(Codec::Xnc, self.shape, &json!({"bits": self.bits}), self.stored())?;
        let mut words = vec![0; self.shape.words()];
        for number in 0..opened.chunks() {
            let held = opened.words_of(number);
            opened.decode(self.stored(), number, held.start, &mut words[held], None)?;
        }
        Ok(words)
    }

    fn ranges_are_the_same(&self, choices: &mut Choices<'_>) {
        let opened = Opened::open(Codec::Xnc, self.shape, &json!({"bits": self.bits}), self.stored());
        let opened = opened.expect("opened before");
        for _ in 0..if self.words.is_empty() { 0 } else { 4 } {
            let first = choices.below(self.words.len());
            let number = opened.chunk_of(first);
            opened.check(self.stored(), number).expect("the checksum is right");
            let mut out = vec![0; choices.below(opened.words_of(number).end - first + 1)];
            opened.decode(self.stored(), number, first, &mut out, None).expect("a part of what decodes");
            assert_eq!(out, self.words[first..first + out.len()], "words from {first} on");
        }
    }

    /// What the encoder makes of the words decodes to them, and is no longer: its forms are the shortest.
    fn comes_back(&self) {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut payload = Vec::new();
        let encoded = codec::encode(
            Codec::Xnc,
            self.shape,
            &Words::new(&bytes),
            xnc::Effort::default(),
            &mut payload,
            &mut |_| (),
        )
        .expect("memory");
        assert!(self.shape.dtype == Dtype::Bf16 || payload.len() <= self.payload.len());
        payload.resize(payload.len().next_multiple_of(64), 0);
        let mut index = encoded.index;
        index.resize(index.len().next_multiple_of(64), 0);
        let bits = encoded.params["bits"].as_u64().expect("a number") as usize;
        let again = Table { shape: self.shape, words: vec![], payload, index, bits };
        assert_eq!(again.decode().expect("just encoded"), self.words);
    }
}

/// Target `block`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut table = Table::new(&mut choices);
    assert_eq!(table.decode().expect("any bits are blocks"), table.words);
    table.ranges_are_the_same(&mut choices);
    table.comes_back();
    // From here on errors are fine.
    let part = if choices.byte() % 2 == 0 { &mut table.payload } else { &mut table.index };
    edit::apply_some(part, &mut choices, 3);
    if choices.byte() % 4 != 0 {
        part.resize(part.len().next_multiple_of(64), 0);
    }
    drop(table.decode());
}
