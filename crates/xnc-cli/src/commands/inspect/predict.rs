//! What a table would take under each codec, by encoding it in memory.

use anyhow::Result;
use xnc::{Codec, EncodeOptions, Error, Table};

/// A codec's size of a table.
pub struct Prediction {
    pub codec: Codec,
    /// How it was encoded, where the codec gives a choice.
    pub effort: Option<u8>,
    pub bytes: u64,
}

/// Efforts of `dense` take up to minutes; the first finds no similar rows and is done in seconds.
const EFFORT: u8 = 1;

/// What a table takes in memory under every codec that takes it: payload and index. Of the record in a
/// file, less than 1 kB, nothing is counted.
pub fn all(table: &Table) -> Result<Vec<Prediction>> {
    let one = |&codec: &Codec| {
        let mut options = EncodeOptions::default();
        (options.codec, options.effort) = (codec, EFFORT);
        let bytes = match table.transcode(&options) {
            Ok(encoded) => encoded.stored_bytes(),
            Err(Error::NotATable { .. }) => return None,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Ok(Prediction { codec, effort: (codec == Codec::Dense).then_some(EFFORT), bytes }))
    };
    Codec::ALL.iter().filter_map(one).collect()
}
