//! A table ready to be read, compressed or plain, with the bytes that it lies in.

use std::ops::Range;
use std::sync::Arc;

use super::Map;
use super::meta::ALIGN;
use crate::codec::{self, Checks, Codec, Encoded, PlainReader, Reader, Stored, TableShape, View, Way};
use crate::dtype::{Dtype, Element};
use crate::error::Result;
use crate::kernel::{Backend, Huge};

/// A table's reader, bytes and checks.
pub struct Opened {
    /// Codec of the payload, none for plain words.
    pub codec: Option<Codec>,
    /// What the elements of the source's tensor are.
    pub element: Element,
    reader: Arc<dyn Reader>,
    checks: Checks,
    map: Map,
    index: Range<usize>,
    payload: Range<usize>,
    /// Everything that the table adds to its file.
    pub stored: StoredBytes,
}

/// What a table takes: in its file everything that it adds there, in memory what is held. A duplicate adds no
/// more than its metadata.
#[derive(Clone, Copy, Default)]
pub struct StoredBytes {
    /// The payload, or the plain bytes.
    pub payload: u64,
    /// The index.
    pub index: u64,
    /// The metadata.
    pub metadata: u64,
}

impl StoredBytes {
    /// All of it.
    pub fn sum(self) -> u64 {
        self.payload + self.index + self.metadata
    }
}

impl Opened {
    /// A table whose words are the bytes `payload` of `map`.
    pub fn plain(
        shape: TableShape,
        map: Map,
        payload: Range<usize>,
        backend: Backend,
        way: Option<Way>,
    ) -> Opened {
        let (map, payload) = match way {
            Some(Way { huge: true, .. }) => {
                (Map::shared(Huge::copy(&map[payload.clone()])), 0..payload.len())
            }
            _ => (map, payload),
        };
        let reader = Arc::new(PlainReader::new(shape, backend, way));
        let stored = StoredBytes { payload: payload.len() as u64, ..StoredBytes::default() };
        let element = shape.dtype.into();
        Opened { codec: None, element, reader, checks: Checks::never(), map, index: 0..0, payload, stored }
    }

    /// A table whose index was read.
    pub fn coded(
        codec: Codec,
        element: Element,
        reader: Arc<dyn Reader>,
        map: Map,
        [payload, index]: [Range<usize>; 2],
        stored: StoredBytes,
    ) -> Opened {
        let bytes = Stored { index: &map[index.clone()], payload: &map[payload.clone()] };
        let checks = Checks::on_touch(&*reader, bytes);
        Opened { codec: Some(codec), element, reader, checks, map, index, payload, stored }
    }

    /// A table that was encoded to memory.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] where index and payload are not what an encoder leaves.
    pub fn in_memory(
        codec: Codec,
        element: Element,
        shape: TableShape,
        encoded: &Encoded,
        payload: Vec<u8>,
        backend: Backend,
    ) -> Result<Opened> {
        // As in a file, where codecs may count on it.
        let mut bytes = payload;
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        let end = bytes.len();
        bytes.extend_from_slice(&encoded.index);
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes.shrink_to_fit();
        let (payload, index) = (0..end, end..bytes.len());
        let stored = Stored { index: &bytes[index.clone()], payload: &bytes[payload.clone()] };
        let reader = codec::open(codec, shape, &encoded.params, stored, backend)?;
        let all = StoredBytes { payload: payload.len() as u64, index: index.len() as u64, metadata: 0 };
        let mut opened = Opened::coded(codec, element, reader, Map::shared(bytes), [payload, index], all);
        opened.checks = Checks::never();
        Ok(opened)
    }

    /// The same, with chunks that are not checked.
    pub fn unchecked(self) -> Opened {
        Opened { checks: Checks::never(), ..self }
    }

    /// Where index and payload lie among the bytes that were opened.
    #[cfg(feature = "map")]
    pub fn places(&self) -> [Range<usize>; 2] {
        [self.index.clone(), self.payload.clone()]
    }

    /// The codec's part.
    pub fn reader(&self) -> &Arc<dyn Reader> {
        &self.reader
    }

    /// Bytes of the index that all rows share, of those that the table adds to its file.
    pub fn model_bytes(&self) -> u64 {
        self.stored.index.min(self.reader.model_bytes() as u64)
    }

    /// What reads words.
    pub fn view(&self) -> View<'_> {
        let stored =
            Stored { index: &self.map[self.index.clone()], payload: &self.map[self.payload.clone()] };
        View { reader: &*self.reader, stored, checks: &self.checks }
    }

    /// Type of the coded words.
    pub fn words(&self) -> Dtype {
        self.reader.shape().dtype
    }

    /// Type of the words that callers get: those of the source, or those that its F32 elements stand for.
    pub fn dtype(&self) -> Dtype {
        self.element.dtype().unwrap_or(self.words())
    }
}
