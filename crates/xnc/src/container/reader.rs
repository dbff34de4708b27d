//! Opens a compressed file: maps it, reads the header and the small companions, leaves the payloads untouched.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::meta::unseal;
use super::outside;
use super::{FILE_RECORD, FileRecord, INDEX_SUFFIX, META_SUFFIX, Map, Storage, TensorMeta};
use crate::codec::{Codec, Encoded, Opened, Stored, TableShape};
use crate::error::{Error, Result};
use crate::model::{Header, Layout, Tensor, role};

/// A model file, compressed or plain, mapped and understood.
pub struct Container {
    map: Arc<Map>,
    layout: Layout,
    metas: BTreeMap<String, TensorMeta>,
    record: Option<FileRecord>,
}

/// What stands in a compressed file for a tensor of its source.
pub(crate) enum Standing<'a> {
    /// A payload and its companions.
    Coded(&'a TensorMeta),
    /// The tensor's own bytes.
    Plain(&'a [u8]),
}

/// A compressed tensor, ready to decode.
pub struct Coded {
    /// Codec of the payload.
    pub codec: Codec,
    /// Element type and extent.
    pub shape: TableShape,
    /// The codec's view of the index.
    pub opened: Opened,
    map: Arc<Map>,
    index: Range<usize>,
    payload: Range<usize>,
}

impl Coded {
    /// A table that was encoded to memory.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where index and payload are not what an encoder leaves.
    pub(crate) fn in_memory(
        codec: Codec,
        shape: TableShape,
        encoded: &Encoded,
        payload: Vec<u8>,
    ) -> Result<Coded> {
        let (mut bytes, end) = (payload, encoded.payload_bytes as usize);
        bytes.extend_from_slice(&encoded.index);
        bytes.shrink_to_fit();
        let (payload, index) = (0..end, end..bytes.len());
        let stored = Stored { index: &bytes[index.clone()], payload: &bytes[payload.clone()] };
        let opened = Opened::open(codec, shape, &encoded.params, stored)?;
        Ok(Coded { codec, shape, opened, map: Arc::new(Map::Memory(bytes)), index, payload })
    }

    /// The stored bytes.
    pub fn stored(&self) -> Stored<'_> {
        Stored { index: &self.map[self.index.clone()], payload: &self.map[self.payload.clone()] }
    }
}

impl Container {
    /// Opens a file. A plain model file opens too; it has no [`Container::metas`].
    ///
    /// # Errors
    /// Those of mapping, of the header, and of a record that is corrupt or from a newer format.
    pub fn open(path: &Path) -> Result<Container> {
        Container::from_map(Map::open(path)?)
    }

    /// Opens the bytes of a file that is in memory.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Container> {
        Container::from_map(Map::Memory(bytes))
    }

    fn from_map(map: Map) -> Result<Container> {
        let layout = Layout::parse(&map, map.len() as u64)?;
        let mut metas = BTreeMap::new();
        let mut record = None;
        for tensor in layout.tensors() {
            let bytes = &map[byte_range(tensor)];
            if tensor.name == FILE_RECORD {
                record = Some(unseal("the file's record", bytes)?);
            } else if let Some(name) = tensor.name.strip_suffix(META_SUFFIX) {
                let meta: TensorMeta = unseal(&format!("the record of tensor `{name}`"), bytes)?;
                if meta.name != name || layout.tensor(name).is_none() {
                    return Err(Error::corrupt(format!("`{}` records tensor `{}`", tensor.name, meta.name)));
                }
                metas.insert(name.to_owned(), meta);
            }
        }
        Ok(Container { map: Arc::new(map), layout, metas, record })
    }

    /// Size of the file in bytes.
    pub fn file_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// The file's own tensors, payloads and companions among them.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Records of the compressed tensors, by name.
    pub fn metas(&self) -> &BTreeMap<String, TensorMeta> {
        &self.metas
    }

    /// Names of all tables: compressed tensors, and plain 16-bit ones of two dimensions.
    pub fn table_names(&self) -> Vec<&str> {
        let plain = role::candidates(&self.layout).map(|tensor| tensor.name.as_str());
        self.metas.keys().map(String::as_str).chain(plain).collect()
    }

    /// Name of a tensor that proves the file compressed, if it is.
    pub fn evidence(&self) -> Option<&str> {
        let record = self.record.as_ref().map(|_| FILE_RECORD);
        record.or_else(|| self.metas.keys().next().map(String::as_str))
    }

    /// The record of the source file.
    ///
    /// # Errors
    /// [`Error::NotCompressed`] when there is none.
    pub fn record(&self) -> Result<&FileRecord> {
        self.record.as_ref().ok_or_else(|| Error::NotCompressed {
            reason: format!("it has no `{FILE_RECORD}`, the record of its source"),
        })
    }

    /// The file's first bytes: its header, and no tensor.
    pub fn head(&self) -> &[u8] {
        let end = self.layout.tensors().first().map_or(self.map.len(), |tensor| tensor.range.start as usize);
        &self.map[..end]
    }

    /// The bytes of a tensor as they stand in the file.
    pub fn bytes(&self, tensor: &Tensor) -> &[u8] {
        &self.map[byte_range(tensor)]
    }

    /// The record of a tensor of the source, if it is compressed here; one that is not must be there as it was.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the tensor is missing or of another type or shape.
    pub(crate) fn stands_for(&self, source: &Tensor) -> Result<Standing<'_>> {
        if let Some(meta) = self.metas.get(&source.name) {
            if (meta.dtype.name(), &meta.shape) != (source.dtype.as_str(), &source.shape) {
                return Err(Error::corrupt(format!(
                    "tensor `{}` is not what the source's header says",
                    source.name
                )));
            }
            return Ok(Standing::Coded(meta));
        }
        let stored = self.layout.tensor(&source.name);
        let stored = stored.filter(|stored| {
            (&stored.dtype, &stored.shape, stored.bytes()) == (&source.dtype, &source.shape, source.bytes())
        });
        let stored = stored.ok_or_else(|| {
            Error::corrupt(format!("plain tensor `{}` is missing or of another type or shape", source.name))
        })?;
        Ok(Standing::Plain(self.bytes(stored)))
    }

    /// The mapping, shared.
    pub(crate) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map)
    }

    /// Opens the payload of a compressed tensor, following a duplicate to the tensor it equals.
    ///
    /// # Errors
    /// [`Error::TensorNotFound`], [`Error::Unknown`] codec, or [`Error::Corrupt`] index.
    pub fn coded(&self, name: &str) -> Result<Coded> {
        let mut meta = self.meta(name)?;
        let mut name = name;
        if let Storage::SameAs { same_as } = &meta.storage {
            if self.byte_tensor(name)?.bytes() != 0 {
                return Err(Error::corrupt(format!("tensor `{name}` is a duplicate and has a payload")));
            }
            let original = self.meta(same_as)?;
            if (original.dtype, &original.shape, &original.blake3) != (meta.dtype, &meta.shape, &meta.blake3)
            {
                return Err(Error::corrupt(format!("tensor `{name}` is no duplicate of `{same_as}`")));
            }
            (meta, name) = (original, same_as);
        }
        let Storage::Coded { codec, index_crc32c, params } = &meta.storage else {
            return Err(Error::corrupt(format!("tensor `{name}` is a duplicate of a duplicate")));
        };
        let tensor = format!("tensor `{name}`");
        let unknown = || Error::Unknown { what: tensor.clone(), kind: "codec", found: codec.clone() };
        let codec = Codec::from_name(codec).ok_or_else(unknown)?;
        let shape = TableShape::new(meta.dtype, &meta.shape)
            .ok_or_else(|| Error::corrupt(format!("{tensor} cannot have the shape {:?}", meta.shape)))?;
        let payload = byte_range(self.byte_tensor(name)?);
        let index = byte_range(self.byte_tensor(&format!("{name}{INDEX_SUFFIX}"))?);
        if format!("{:08x}", crc32c::crc32c(&self.map[index.clone()])) != *index_crc32c {
            return Err(Error::corrupt_at(
                index.start as u64,
                format!("checksum of the index of {tensor} does not match its bytes"),
            ));
        }
        let stored = Stored { index: &self.map[index.clone()], payload: &self.map[payload.clone()] };
        let opened =
            Opened::open(codec, shape, params, stored).map_err(|e| in_tensor(e, name, index.start))?;
        Ok(Coded { codec, shape, opened, map: self.map(), index, payload })
    }

    fn meta(&self, name: &str) -> Result<&TensorMeta> {
        self.metas.get(name).ok_or_else(|| Error::TensorNotFound {
            name: name.into(),
            available: self.table_names().join(", "),
        })
    }

    /// A payload or index, which is a one-dimensional tensor of bytes.
    fn byte_tensor(&self, name: &str) -> Result<&Tensor> {
        let tensor = self.layout.tensor(name);
        let tensor = tensor.ok_or_else(|| Error::corrupt(format!("companion `{name}` is missing")))?;
        if tensor.shape.len() != 1 || tensor.dtype != self.layout.format().byte_type() {
            return Err(Error::corrupt(format!("`{name}` is no tensor of bytes")));
        }
        Ok(tensor)
    }

    /// The bytes of the source outside its tensors.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they do not unpack to the recorded length.
    pub fn outside(&self) -> Result<Vec<u8>> {
        let pairs = match self.layout.header() {
            Header::Gguf(header) => &self.map[header.pair_bytes.clone()],
            Header::Safetensors(_) => &[],
        };
        outside::recover(&self.record()?.outside, pairs)
    }
}

fn byte_range(tensor: &Tensor) -> Range<usize> {
    // The layout was checked against the mapping's length, so both ends fit.
    tensor.range.start as usize..tensor.range.end as usize
}

/// Names the tensor in a codec's complaint.
fn in_tensor(error: Error, name: &str, offset: usize) -> Error {
    match error {
        Error::Corrupt { what, .. } => Error::corrupt_at(offset as u64, format!("tensor `{name}`: {what}")),
        other => other,
    }
}
