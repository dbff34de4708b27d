//! One table under a codec, apart from any file: what a target edits and then reads.

use std::ops::Range;

use serde_json::Value;
use xnc::internals::{decode_table, encode_table, parse_header};
use xnc::{Codec, Dtype, Result};

use crate::Stand;
use crate::choices::Choices;
use crate::edit;
use crate::seal::{INDEX_SUFFIX, META_SUFFIX};

/// A table as a container would hold it.
#[derive(Clone)]
pub struct Coded {
    /// Its codec.
    pub codec: Codec,
    /// Type of the words.
    pub dtype: Dtype,
    /// Rows, and words in a row.
    pub extent: [usize; 2],
    /// Params of the metadata.
    pub params: String,
    /// The payload, filled up.
    pub payload: Vec<u8>,
    /// The index, filled up.
    pub index: Vec<u8>,
}

impl Coded {
    /// Encodes a table.
    pub fn new(codec: Codec, dtype: Dtype, extent: [usize; 2], words: &[u16]) -> Coded {
        let (payload, index, params) = encode_table(codec, dtype, extent, words).expect("words in memory");
        Coded { codec, dtype, extent, params, payload, index }
    }

    /// The tables of a compressed file that are under `codec` and no duplicates.
    pub fn of_file(file: &[u8], codec: Codec) -> Vec<Coded> {
        let parts = parse_header(file, file.len() as u64).expect("a good file");
        let bytes = |name: &str| {
            let part = parts.iter().find(|part| part.0 == name)?;
            file.get(part.3.start as usize..part.3.end as usize)
        };
        let coded = |(meta, ..): &Stand| {
            let name = meta.strip_suffix(META_SUFFIX)?;
            let meta: Value = serde_json::from_slice(bytes(meta)?).expect("a good record");
            let axes: Vec<usize> = serde_json::from_value(meta["shape"].clone()).expect("a shape");
            (meta["codec"] == codec.name()).then(|| Coded {
                codec,
                dtype: if meta["words"] == "F16" { Dtype::F16 } else { Dtype::Bf16 },
                extent: [axes[0], axes[1..].iter().product()],
                params: meta["params"].to_string(),
                payload: bytes(name).expect("a payload").to_vec(),
                index: bytes(&format!("{name}{INDEX_SUFFIX}")).expect("an index").to_vec(),
            })
        };
        parts.iter().filter_map(coded).collect()
    }

    /// Words of the table.
    pub fn count(&self) -> usize {
        self.extent[0] * self.extent[1]
    }

    /// Some of its words; with `check`, checksums of chunks are compared.
    ///
    /// # Errors
    /// Those of reading what may have been edited.
    pub fn read(&self, range: Range<usize>, check: bool) -> Result<Vec<u16>> {
        let stored = (&self.payload[..], &self.index[..]);
        decode_table(self.codec, self.dtype, self.extent, &self.params, stored, range, check)
    }

    /// Edits index or payload, which then often stay multiples of 64.
    pub fn edit(&mut self, choices: &mut Choices<'_>) {
        let part = if choices.byte().is_multiple_of(2) { &mut self.index } else { &mut self.payload };
        edit::apply_some(part, choices, 3);
        if !choices.byte().is_multiple_of(4) {
            part.resize(part.len().next_multiple_of(64), 0);
        }
    }

    /// Reads everything, then parts: where the whole gives words, a part gives the same, and where only one of
    /// the two is an error, it is the whole.
    pub fn read_whole_and_parts(&self, choices: &mut Choices<'_>) {
        let check = choices.byte() % 4 == 1;
        let whole = self.read(0..self.count(), check);
        for _ in 0..4 {
            let first = choices.below(self.count());
            let most = (self.count() - first).min(2 * self.extent[1]);
            let range = first..first + choices.below(most + 1);
            let part = self.read(range.clone(), check);
            if let Ok(words) = &whole {
                assert_eq!(part.expect("a part of what decodes"), words[range.clone()], "words {range:?}");
            }
        }
    }
}
