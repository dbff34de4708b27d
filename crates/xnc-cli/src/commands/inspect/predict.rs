//! What a table would take under each codec, by encoding it into nothing.

use std::io;

use anyhow::Result;
use xnc::codec::{self, TableShape};
use xnc::dtype::Words;
use xnc::kernel::{Aligned, bytes_of};
use xnc::{Codec, Effort, Table};

/// A codec's size of a table.
pub struct Prediction {
    pub codec: Codec,
    /// How it was encoded, where the codec gives a choice.
    pub effort: Option<u8>,
    pub bytes: u64,
}

/// Efforts of `dense` take up to minutes; the first finds no similar rows and is done in seconds.
const EFFORT: u8 = 1;

/// Payload and index of a table under every codec that takes it; the record in the file, less than 1 kB, is not counted.
pub fn all(table: &Table) -> Result<Vec<Prediction>> {
    let mut words = Aligned::new(table.rows() * table.dim(), 0);
    table.read(0, &mut words)?;
    let shape = TableShape { dtype: table.dtype(), rows: table.rows(), dim: table.dim() };
    let one = |codec: &Codec| {
        let (words, effort) = (Words::new(bytes_of(&words)), Effort::new(EFFORT));
        let encoded = codec::encode(*codec, shape, &words, effort, &mut io::sink(), &mut |_| {})?;
        let bytes =
            encoded.payload_bytes.next_multiple_of(64) + (encoded.index.len() as u64).next_multiple_of(64);
        Ok(Prediction { codec: *codec, effort: (*codec == Codec::Dense).then_some(EFFORT), bytes })
    };
    Codec::ALL.iter().filter(|codec| codec.takes(shape)).map(one).collect()
}
