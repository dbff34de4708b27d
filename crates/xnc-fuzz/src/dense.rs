//! Codec `dense` on edited tables: an index and a payload with lies in them give an error or words, and a range the words of the whole.

use std::sync::OnceLock;

use serde_json::Value;
use xnc::Codec;
use xnc::codec::{Opened, Stored, TableShape};
use xnc::container::{Container, Storage};

use crate::choices::Choices;
use crate::edit;

/// Predicted tables of every grid, and a counted one.
const GOLDEN: [&[u8]; 2] = [
    include_bytes!("../../../spec/vectors/1.0-dense.safetensors"),
    include_bytes!("../../../spec/vectors/1.0-dense.gguf"),
];

/// A table of one chunk.
#[derive(Clone)]
struct Table {
    shape: TableShape,
    params: Value,
    index: Vec<u8>,
    payload: Vec<u8>,
    /// Where the index keeps the chunk's checksum, and the bytes of the payload that it covers.
    check: (usize, usize),
}

impl Table {
    fn stored(&self) -> Stored<'_> {
        Stored { index: &self.index, payload: &self.payload }
    }

    /// Makes the checksum right again: it stands between an edit and rows that are referred to.
    fn seal(&mut self) {
        let (at, covered) = self.check;
        let check = crc32c::crc32c(&self.payload[..covered.min(self.payload.len())]);
        if let Some(slot) = self.index.get_mut(at..at + 4) {
            slot.copy_from_slice(&check.to_le_bytes());
        }
    }
}

fn tables() -> &'static [Table] {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let files = GOLDEN.map(|golden| Container::from_bytes(golden.to_vec()).expect("a good file"));
        files.iter().flat_map(|file| file.metas().keys().filter_map(|name| table(file, name))).collect()
    })
}

/// A table, unless it is kept under another's name.
fn table(file: &Container, name: &str) -> Option<Table> {
    let Storage::Coded { params, .. } = &file.metas()[name].storage else { return None };
    let coded = file.coded(name).expect("a good table");
    assert_eq!(coded.opened.chunks(), 1, "{name}");
    let Stored { index, payload } = coded.stored();
    let covered = (0..=payload.len()).rev().find_map(|covered| {
        let check = crc32c::crc32c(&payload[..covered]).to_le_bytes();
        Some((index.windows(4).position(|part| part == check)?, covered))
    });
    let check = covered.expect("the index has the checksum of the chunk");
    let (shape, params) = (coded.shape, params.clone());
    Some(Table { shape, params, index: index.to_vec(), payload: payload.to_vec(), check })
}

/// Target `dense`.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut table = tables()[choices.below(tables().len())].clone();
    if choices.byte() % 2 == 0 {
        edit::apply_some(&mut table.index, &mut choices, 3);
    } else {
        edit::apply_some(&mut table.payload, &mut choices, 3);
    }
    if choices.byte() % 8 != 0 {
        table.seal();
    }
    let stored = table.stored();
    let Ok(opened) = Opened::open(Codec::Dense, table.shape, &table.params, stored) else { return };
    let mut words = vec![0; table.shape.words()];
    let whole = opened.decode(stored, 0, 0, &mut words, None);
    for _ in 0..4 {
        let first = choices.below(words.len());
        let mut part = vec![0; choices.below((words.len() - first).min(2 * table.shape.dim) + 1)];
        let read = opened.decode(stored, 0, first, &mut part, None);
        assert!(whole.is_err() || read.is_ok(), "a part of what decodes");
        if whole.is_ok() {
            assert_eq!(part, words[first..first + part.len()], "words from {first} on");
        }
    }
}
