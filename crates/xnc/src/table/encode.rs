//! Tables encoded in memory: from words, or from a table under another codec.

use super::{Table, expect_length};
use crate::codec::{self, Codec, Effort, Encoding, Recast, Source, TableShape, words_of};
use crate::container::Opened;
use crate::dtype::{Dtype, Element, Words};
use crate::error::Result;
use crate::kernel::{Backend, bytes_of};
use crate::threads;

/// How a table is encoded in memory.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// The codec; `fast`, which is for running, by default.
    pub codec: Codec,
    /// How much time codec `dense` may take.
    pub effort: u8,
    /// Threads, as everywhere in this crate: 0 takes the current rayon pool.
    pub threads: usize,
    /// The instruction set of encoder and table; none for the one that [`Backend::detect`] finds.
    pub backend: Option<Backend>,
}

impl Table {
    /// Encodes `rows` times `dim` words in memory. The table holds the compressed bytes and nothing of
    /// `words`; a table without words stays plain.
    ///
    /// # Errors
    /// [`crate::Error::WrongLength`] when there are more or fewer words; [`crate::Error::NotATable`] for a
    /// shape that the codec does not take; [`crate::Error::NoBackend`].
    pub fn encode(
        dtype: Dtype,
        rows: usize,
        dim: usize,
        words: &[u16],
        options: &EncodeOptions,
    ) -> Result<Table> {
        expect_length("the words of a table", words.len(), rows.saturating_mul(dim))?;
        if words.is_empty() {
            let plain = super::OpenOptions { backend: options.backend, ..super::OpenOptions::default() };
            return Table::from_bytes(dtype, rows, dim, [], &plain);
        }
        let shape = TableShape { dtype, rows, dim };
        encode("", shape, dtype.into(), &Words::new(bytes_of(words)), options)
    }

    /// The same table in memory under another codec: one of codec `dense` becomes one of codec `fast`, for
    /// running. A table that is under that codec already, or that holds no words, comes back as it is.
    ///
    /// Takes the memory of the result; while it runs, also what is mapped of the present file and, from codec
    /// `dense`, a byte for each word of a key row, a quarter of the plain table at most. The table is never
    /// plain in memory, unless the new codec is `dense`, which takes all words at once. Checksums of chunks
    /// are compared as this table was opened.
    ///
    /// # Errors
    /// As [`Table::encode`]; [`crate::Error::Corrupt`] when a chunk is damaged.
    pub fn transcode(&self, options: &EncodeOptions) -> Result<Table> {
        if self.codec() == Some(options.codec) || self.rows() == 0 || self.dim() == 0 {
            return Ok(self.clone());
        }
        let shape = TableShape { dtype: self.dtype(), rows: self.rows(), dim: self.dim() };
        encode(self.name(), shape, self.0.opened.element, self, options)
    }
}

fn encode(
    name: &str,
    shape: TableShape,
    element: Element,
    words: &dyn Source,
    options: &EncodeOptions,
) -> Result<Table> {
    let EncodeOptions { codec, effort, threads, backend: asked } = *options;
    let backend = Backend::or_detected(asked)?;
    if !codec.takes(shape) {
        let reason = format!("codec {codec} does not take {} x {} words", shape.rows, shape.dim);
        return Err(crate::Error::NotATable { name: name.into(), reason });
    }
    threads::run_on(threads, || {
        let dtype = words_of(codec, shape, words, backend)?;
        let coded = TableShape { dtype, ..shape };
        let recast = Recast { source: words, backend };
        let words = if dtype == shape.dtype { words } else { &recast };
        // Room for plain words: memory that is never written costs nothing, and growing would copy.
        let mut payload = Vec::with_capacity(2 * coded.words());
        let encoding = Encoding { codec, effort: Effort::new(effort), pages: false, backend };
        let encoded = codec::encode(encoding, coded, words, &mut payload, &mut |_| {})?;
        Ok(Table::new(name, Opened::in_memory(codec, element, coded, &encoded, payload, backend)?))
    })?
}
