//! Opens a compressed file: maps it, reads the header and the small companions, leaves the payloads untouched.

use std::collections::BTreeMap;
use std::ops::Range;
#[cfg(feature = "map")]
use std::path::Path;

use super::meta::{ALIGN, unseal};
#[cfg(feature = "write")]
use super::outside;
use super::{
    FILE_RECORD, FileRecord, INDEX_SUFFIX, META_SUFFIX, Map, Opened, Storage, StoredBytes, TensorMeta,
};
use crate::codec::{self, Codec, Narrowed, Source, Stored, TableShape, Way};
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::kernel::Backend;
#[cfg(feature = "write")]
use crate::model::Header;
use crate::model::{Format, Layout, Tensor, role};

/// A model file, compressed or plain, mapped and understood.
pub struct Container {
    map: Map,
    layout: Layout,
    metas: BTreeMap<String, TensorMeta>,
    record: Option<FileRecord>,
}

/// What stands in a compressed file for a tensor of its source.
#[cfg(feature = "write")]
pub enum Standing<'a> {
    /// A payload and its companions.
    Coded(&'a TensorMeta),
    /// The tensor's own bytes.
    Plain(&'a [u8]),
}

impl Container {
    /// Opens a file. A plain model file opens too; it has no [`Container::metas`].
    ///
    /// # Errors
    /// Those of mapping, of the header, and of a record that is corrupt or from a newer format.
    #[cfg(feature = "map")]
    pub fn open(path: &Path) -> Result<Container> {
        Container::new(Map::open(path)?)
    }

    /// Understands the bytes of a file. A plain model file opens too; it has no [`Container::metas`].
    ///
    /// # Errors
    /// Those of the header, and of a record that is corrupt or from a newer format.
    pub fn new(map: Map) -> Result<Container> {
        let layout = Layout::parse(&map, map.len() as u64)?;
        let mut metas = BTreeMap::new();
        let mut record = None;
        for tensor in layout.tensors() {
            let bytes = || Ok(&map[byte_range(is_byte_tensor(tensor, layout.format())?)]);
            if tensor.name == FILE_RECORD {
                record = Some(unseal("the file's record", bytes()?)?);
            } else if let Some(name) = tensor.name.strip_suffix(META_SUFFIX) {
                let meta: TensorMeta = unseal(&format!("the record of tensor `{name}`"), bytes()?)?;
                if meta.name != name || layout.tensor(name).is_none() || is_companion(name) {
                    return Err(Error::corrupt(format!("`{}` records tensor `{}`", tensor.name, meta.name)));
                }
                metas.insert(name.to_owned(), meta);
            }
        }
        let container = Container { map, layout, metas, record };
        container.companions_fit()?;
        Ok(container)
    }

    /// A compressed file has no index but those of its coded tensors, and a record of its own format.
    fn companions_fit(&self) -> Result<()> {
        let is_coded = |name: &str| {
            self.metas.get(name).is_some_and(|meta| matches!(meta.storage, Storage::Coded { .. }))
        };
        let indexes =
            self.layout.tensors().iter().filter_map(|tensor| tensor.name.strip_suffix(INDEX_SUFFIX));
        if self.evidence().is_some()
            && let Some(name) = indexes.into_iter().find(|name| !is_coded(name))
        {
            return Err(Error::corrupt(format!("`{name}{INDEX_SUFFIX}` is the index of no coded tensor")));
        }
        let format = self.layout.format().name();
        match &self.record {
            Some(FileRecord { format: other, .. }) if other != format => {
                Err(Error::corrupt(format!("a {format} file records a {other} source")))
            }
            _ => Ok(()),
        }
    }

    /// Whether no tensor is here but companions and those of the source.
    ///
    /// # Errors
    /// [`Error::Corrupt`] otherwise, with a name.
    #[cfg(feature = "write")]
    pub fn only_holds(&self, source: &Layout) -> Result<()> {
        let more = self.layout.tensors().iter().map(|tensor| &tensor.name);
        match more.into_iter().find(|name| !is_companion(name) && source.tensor(name).is_none()) {
            Some(name) => Err(Error::corrupt(format!("the source's header has no tensor `{name}`"))),
            None => Ok(()),
        }
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

    /// The bytes of a tensor as they stand in the file.
    pub fn bytes(&self, tensor: &Tensor) -> &[u8] {
        &self.map[byte_range(tensor)]
    }

    /// As [`Map::will_need`].
    #[cfg(feature = "write")]
    pub fn will_need(&self, bytes: &[u8]) {
        self.map.will_need(bytes);
    }

    /// As [`Map::let_go`].
    #[cfg(feature = "map")]
    pub fn let_go(&self, bytes: &[u8]) {
        self.map.let_go(bytes);
    }

    /// The record of a tensor of the source, if it is compressed here; one that is not must be there as it was.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the tensor is missing or of another type or shape.
    #[cfg(feature = "write")]
    pub fn stands_for(&self, source: &Tensor) -> Result<Standing<'_>> {
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
    pub(crate) fn map(&self) -> Map {
        self.map.clone()
    }

    /// Opens a table, compressed or plain, following a duplicate to the tensor that it equals. Its chunks are
    /// checked when they are first read.
    ///
    /// # Errors
    /// [`Error::TensorNotFound`], [`Error::NotATable`], [`Error::Unknown`] codec, or [`Error::Corrupt`] index.
    pub fn table(&self, name: &str, backend: Backend, way: Option<Way>) -> Result<Opened> {
        if self.metas.contains_key(name) { self.coded(name, backend) } else { self.plain(name, backend, way) }
    }

    fn plain(&self, name: &str, backend: Backend, way: Option<Way>) -> Result<Opened> {
        let tensor = self.layout.tensor(name).ok_or_else(|| self.not_found(name))?;
        let no_table = |why: &str| Error::NotATable {
            name: name.into(),
            reason: format!("its type is {} and its shape {:?}{why}", tensor.dtype, tensor.shape),
        };
        let element = Element::from_name(&tensor.dtype).ok_or_else(|| no_table(""))?;
        let shape = |dtype| TableShape::new(dtype, &tensor.shape).ok_or_else(|| no_table(""));
        if let Some(dtype) = element.dtype() {
            return Ok(Opened::plain(shape(dtype)?, self.map(), byte_range(tensor), backend, way));
        }
        let words = Narrowed::new(self.bytes(tensor));
        let words =
            words.ok_or_else(|| no_table(", and its values are not all BF16, nor all FP16 values"))?;
        let shape = shape(words.dtype())?;
        let mut narrow = vec![0; shape.words()];
        words.read(0, &mut narrow)?;
        let narrow: Vec<u8> = narrow.iter().flat_map(|word| word.to_le_bytes()).collect();
        let all = 0..narrow.len();
        let mut opened = Opened::plain(shape, Map::shared(narrow), all, backend, way);
        (opened.element, opened.stored.payload) = (element, tensor.bytes());
        Ok(opened)
    }

    /// Opens the payload of a compressed tensor.
    fn coded(&self, name: &str, backend: Backend) -> Result<Opened> {
        let mut meta = self.meta(name)?;
        let (element, mut original) = (meta.dtype, name);
        if let Storage::SameAs { same_as } = &meta.storage {
            if self.byte_tensor(name)?.bytes() != 0 {
                return Err(Error::corrupt(format!("tensor `{name}` is a duplicate and has a payload")));
            }
            let held = self.meta(same_as)?;
            if (held.dtype, &held.shape, &held.blake3) != (meta.dtype, &meta.shape, &meta.blake3) {
                return Err(Error::corrupt(format!("tensor `{name}` is no duplicate of `{same_as}`")));
            }
            (meta, original) = (held, same_as);
        }
        let Storage::Coded { codec, words, index_crc32c, params } = &meta.storage else {
            return Err(Error::corrupt(format!("tensor `{original}` is a duplicate of a duplicate")));
        };
        let tensor = format!("tensor `{original}`");
        let unknown = || Error::Unknown { what: tensor.clone(), kind: "codec", found: codec.clone() };
        let codec = Codec::ALL.iter().copied().find(|known| known.name() == codec).ok_or_else(unknown)?;
        if !element.holds(*words) {
            return Err(Error::corrupt(format!("{tensor} of {} cannot hold {words} words", element.name())));
        }
        let shape = TableShape::new(*words, &meta.shape)
            .ok_or_else(|| Error::corrupt(format!("{tensor} cannot have the shape {:?}", meta.shape)))?;
        let payload = byte_range(self.byte_tensor(original)?);
        let index = byte_range(self.byte_tensor(&format!("{original}{INDEX_SUFFIX}"))?);
        if format!("{:08x}", crc32c::crc32c(&self.map[index.clone()])) != *index_crc32c {
            return Err(Error::corrupt_at(
                index.start as u64,
                format!("checksum of the index of {tensor} does not match its bytes"),
            ));
        }
        let stored = Stored { index: &self.map[index.clone()], payload: &self.map[payload.clone()] };
        let reader = codec::open(codec, shape, params, stored, backend)
            .map_err(|e| e.in_tensor(original).at(index.start as u64))?;
        let stored = self.stored(name);
        Ok(Opened::coded(codec, element, reader, self.map(), [payload, index], stored))
    }

    /// Everything that a tensor adds to the file.
    pub fn stored(&self, name: &str) -> StoredBytes {
        let bytes = |suffix| self.layout.tensor(&format!("{name}{suffix}")).map_or(0, Tensor::bytes);
        StoredBytes { payload: bytes(""), index: bytes(INDEX_SUFFIX), metadata: bytes(META_SUFFIX) }
    }

    fn meta(&self, name: &str) -> Result<&TensorMeta> {
        self.metas.get(name).ok_or_else(|| self.not_found(name))
    }

    fn not_found(&self, name: &str) -> Error {
        let available = self.table_names().into_iter().map(str::to_owned).collect();
        Error::TensorNotFound { name: name.into(), available }
    }

    /// A payload or index, which is a one-dimensional tensor of bytes.
    fn byte_tensor(&self, name: &str) -> Result<&Tensor> {
        let tensor = self.layout.tensor(name);
        let tensor = tensor.ok_or_else(|| Error::corrupt(format!("companion `{name}` is missing")))?;
        is_byte_tensor(tensor, self.layout.format())
    }

    /// The bytes of the source outside its tensors.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when they do not unpack to the recorded length.
    #[cfg(feature = "write")]
    pub fn outside(&self) -> Result<Vec<u8>> {
        let pairs = match self.layout.header() {
            Header::Gguf(header) => Some(&self.map[header.pair_bytes.clone()]),
            Header::Safetensors(_) => None,
        };
        outside::recover(&self.record()?.outside, pairs)
    }
}

/// Whether a name is one that compressed files give to tensors of their own.
fn is_companion(name: &str) -> bool {
    name == FILE_RECORD || name.ends_with(INDEX_SUFFIX) || name.ends_with(META_SUFFIX)
}

/// A payload, index or record is a one-dimensional tensor of bytes, a multiple of 64.
fn is_byte_tensor(tensor: &Tensor, format: Format) -> Result<&Tensor> {
    let is_list = tensor.shape.len() == 1 && tensor.dtype == format.byte_type();
    if is_list && tensor.bytes().is_multiple_of(ALIGN as u64) {
        return Ok(tensor);
    }
    Err(Error::corrupt(format!("`{}` is no tensor of bytes, a multiple of {ALIGN}", tensor.name)))
}

fn byte_range(tensor: &Tensor) -> Range<usize> {
    // The layout was checked against the mapping's length, so both ends fit.
    tensor.range.start as usize..tensor.range.end as usize
}
