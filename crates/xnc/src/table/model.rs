//! An open model file: what hands out tables.

#[cfg(feature = "map")]
use std::fs::File;
use std::ops::Range;
#[cfg(feature = "map")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{OpenOptions, Table, Verify};
use crate::codec::Codec;
use crate::container::{Container, FILE_RECORD, INDEX_SUFFIX, META_SUFFIX, Map, Storage};
#[cfg(feature = "map")]
use crate::error::Error;
use crate::error::Result;
use crate::kernel::Backend;
use crate::model::{Format, Tensor, role};

/// A model file, compressed or plain: mapped, or in memory. Cheap to clone; its tables keep the bytes alive
/// by themselves.
#[derive(Clone)]
pub struct Model(Arc<Container>);

/// One tensor of a model's source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TensorInfo {
    /// Name.
    pub name: String,
    /// Element type as the source spells it.
    pub dtype: String,
    /// Extents, outermost first.
    pub shape: Vec<u64>,
    /// Codec, none when the tensor is plain.
    pub codec: Option<Codec>,
    /// The tensor that holds the words, when this one is a duplicate.
    pub same_as: Option<String>,
    /// Whether the tensor's name or codec says that it is looked up by row.
    pub is_table: bool,
    /// Bytes in the source.
    pub source_bytes: u64,
    /// Everything that the tensor adds to this file: payload, index, record.
    pub stored_bytes: u64,
    /// Where its bytes lie in this file: payload or plain bytes, then the index.
    pub ranges: Vec<Range<u64>>,
}

impl Model {
    /// Maps a file and reads its header and records; payloads are left alone.
    ///
    /// The file must keep its length while it is mapped. Where another program cuts it, a later read beyond
    /// its end raises SIGBUS, as for every reader that maps files; replacing the file by renaming another one
    /// over it is safe.
    ///
    /// # Errors
    /// Those of mapping ([`Error::Io`]), of the header ([`Error::NotAModel`]), and of a record that is
    /// corrupt or from a newer format.
    #[cfg(feature = "map")]
    pub fn open(path: impl AsRef<Path>) -> Result<Model> {
        Model::new(Map::open(path.as_ref())?)
    }

    /// As [`Model::open`], of `length` bytes of an open file from `offset` on, or of all that follow: a model
    /// inside an archive that stores it as it is. The handle may be closed afterwards.
    ///
    /// # Errors
    /// As [`Model::open`], with an empty path; [`Error::Io`] when the part is not all in the file.
    #[cfg(feature = "map")]
    pub fn open_part(file: &File, offset: u64, length: Option<u64>) -> Result<Model> {
        Model::new(Map::of(file, offset, length).map_err(|cause| Error::Io { path: PathBuf::new(), cause })?)
    }

    /// A file that is in memory; nothing is copied. The owner must always give the same bytes.
    ///
    /// # Errors
    /// As [`Model::open`], without those of mapping.
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Model> {
        Model::new(Map::shared(bytes))
    }

    fn new(map: Map) -> Result<Model> {
        Ok(Model(Arc::new(Container::new(map)?)))
    }

    /// What the file holds.
    #[cfg(feature = "map")]
    pub(crate) fn container(&self) -> &Container {
        &self.0
    }

    /// Format of the file, which is that of its source.
    pub fn format(&self) -> Format {
        self.0.layout().format()
    }

    /// Whether the file was written by [`crate::compress()`].
    pub fn is_compressed(&self) -> bool {
        self.0.evidence().is_some()
    }

    /// All tensors of the source, compressed and plain, in the order of the file's bytes; no companions.
    pub fn tensors(&self) -> impl Iterator<Item = TensorInfo> + '_ {
        let compressed = self.is_compressed();
        let companion = move |name: &str| {
            name == FILE_RECORD || [INDEX_SUFFIX, META_SUFFIX].iter().any(|suffix| name.ends_with(suffix))
        };
        let tensors = self.0.layout().tensors().iter();
        tensors.filter(move |tensor| !(compressed && companion(&tensor.name))).map(|tensor| self.info(tensor))
    }

    /// One tensor of the source, if it is there.
    pub fn tensor(&self, name: &str) -> Option<TensorInfo> {
        self.0.layout().tensor(name).map(|tensor| self.info(tensor))
    }

    /// Names of all tables: compressed tensors, then plain 16-bit ones of two dimensions.
    pub fn tables(&self) -> Vec<&str> {
        self.0.table_names()
    }

    /// Opens a table.
    ///
    /// # Errors
    /// [`Error::TensorNotFound`]; [`Error::NotATable`]; [`Error::Corrupt`] when the index does not hold;
    /// [`Error::NoBackend`].
    pub fn table(&self, name: &str) -> Result<Table> {
        self.table_with(name, &OpenOptions::default())
    }

    /// As [`Model::table`], with options.
    ///
    /// # Errors
    /// As [`Model::table`]; [`Error::Corrupt`] when all chunks are to be checked and one is damaged.
    pub fn table_with(&self, name: &str, options: &OpenOptions) -> Result<Table> {
        let opened = self.0.table(name, Backend::or_detected(options.backend)?, options.ahead)?;
        let opened = match options.verify {
            Verify::OnTouch => opened,
            Verify::Never => opened.unchecked(),
            Verify::OnOpen => {
                opened.view().check_all().map_err(|e| e.in_tensor(name))?;
                opened
            }
        };
        Ok(Table::new(name, opened))
    }

    /// The bytes of a tensor as they stand in the file.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.layout().tensor(name).map(|tensor| self.0.bytes(tensor))
    }

    fn info(&self, tensor: &Tensor) -> TensorInfo {
        let name = &tensor.name;
        let index = self.0.layout().tensor(&format!("{name}{INDEX_SUFFIX}"));
        let meta = self.0.metas().get(name);
        let mut info = TensorInfo {
            name: name.clone(),
            dtype: tensor.dtype.clone(),
            shape: tensor.shape.clone(),
            codec: None,
            same_as: None,
            is_table: meta.is_some() || role::is_table_name(name),
            source_bytes: tensor.bytes(),
            stored_bytes: self.0.stored(name).sum(),
            ranges: vec![tensor.range.clone()],
        };
        let Some(meta) = meta else { return info };
        let storage = match &meta.storage {
            Storage::Coded { .. } => &meta.storage,
            Storage::SameAs { same_as } => {
                info.same_as = Some(same_as.clone());
                self.0.metas().get(same_as).map_or(&meta.storage, |held| &held.storage)
            }
        };
        if let Storage::Coded { codec, .. } = storage {
            info.codec = codec.parse().ok();
        }
        info.dtype = meta.dtype.name().into();
        info.shape.clone_from(&meta.shape);
        let elements = meta.shape.iter().fold(1u64, |n, &axis| n.saturating_mul(axis));
        info.source_bytes = elements.saturating_mul(meta.dtype.bytes() as u64);
        info.ranges.extend(index.map(|index| index.range.clone()));
        info
    }
}
