//! A GGUF file opened for running: its keys, its tensors as layers want them, its token table.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xnc::{Codec, EncodeOptions, Format, Model, Table, TensorInfo};

use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::threads;

/// An open model file, plain or compressed.
pub struct ModelFile {
    model: Model,
    /// What stands before the first tensor: keys and their values.
    head: Vec<u8>,
    /// Layers are copied through this, so that the mapping's resident pages are the table's and the header's.
    file: Mutex<File>,
    path: PathBuf,
}

impl ModelFile {
    /// Opens a GGUF file.
    ///
    /// # Errors
    /// Those of [`Model::open`]; [`Error::Unsupported`] for another format.
    pub fn open(path: &Path) -> Result<ModelFile> {
        let model = Model::open(path)?;
        if model.format() != Format::Gguf {
            return Err(Error::Unsupported("it is no GGUF file".into()));
        }
        let mut file = File::open(path)?;
        let starts = model.tensors().flat_map(|tensor| tensor.ranges).map(|range| range.start);
        let mut head = Vec::new();
        (&mut file).take(starts.min().unwrap_or(u64::MAX)).read_to_end(&mut head)?;
        Ok(ModelFile { model, head, file: Mutex::new(file), path: path.to_owned() })
    }

    /// The file's keys and their values.
    ///
    /// # Errors
    /// As `Keys::read`.
    pub fn keys(&self) -> Result<Keys<'_>> {
        Keys::read(&self.head)
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.model.tensor(name).is_some()
    }

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// Those of the system.
    pub fn file_bytes(&self) -> Result<u64> {
        Ok(self.path.metadata()?.len())
    }

    /// Codec of a table, none if it is plain or not there.
    pub fn codec(&self, name: &str) -> Option<Codec> {
        self.model.tensor(name)?.codec
    }

    /// A table of 16-bit words. Plain words and codec `fast` stay in the mapped file; what is stored under
    /// another codec comes into memory under `fast`, from a mapping that ends with that.
    ///
    /// # Errors
    /// Those of [`Model::table`] and [`Table::transcode`].
    pub fn table(&self, name: &str) -> Result<Table> {
        Ok(match self.codec(name) {
            None | Some(Codec::Fast) => self.model.table(name)?,
            Some(_) => {
                let mut options = EncodeOptions::default();
                options.threads = threads::count();
                Model::open(&self.path)?.table(name)?.transcode(&options)?
            }
        })
    }

    /// Where the bytes of a table lie in the file, its index among them.
    pub fn table_ranges(&self, name: &str) -> Vec<Range<u64>> {
        self.model.tensor(name).map(|tensor| tensor.ranges).unwrap_or_default()
    }

    /// A tensor and a copy of its bytes.
    ///
    /// # Errors
    /// [`Error::Tensor`] when it is not there; reading.
    pub(crate) fn tensor(&self, name: &str) -> Result<(TensorInfo, Vec<u8>)> {
        let tensor = self.model.tensor(name).filter(|tensor| tensor.codec.is_none());
        let tensor = tensor.ok_or_else(|| Error::tensor(name, "is missing"))?;
        let range = tensor.ranges.first().cloned().unwrap_or_default();
        let length = range.end - range.start;
        // Ranges were compared with the file's length, so this is no allocation of a size that nobody checked.
        let mut bytes = Vec::with_capacity(length as usize);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(range.start))?;
        (&mut *file).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(Error::tensor(name, "is cut off: the file was changed"));
        }
        Ok((tensor, bytes))
    }

    /// A vector of `length` F32 values.
    ///
    /// # Errors
    /// As [`ModelFile::tensor`], and when it is of another type or length.
    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let (tensor, bytes) = self.tensor(name)?;
        if tensor.dtype != "F32" || tensor.shape != [length as u64] {
            let found = format!("is {} of {:?}, not F32 of [{length}]", tensor.dtype, tensor.shape);
            return Err(Error::tensor(name, found));
        }
        Ok(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
    }
}
