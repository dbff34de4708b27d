//! A GGUF file opened for running: its keys, its tensors as layers want them, its token table.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use xnc::container::{Container, INDEX_SUFFIX, Storage};
use xnc::model::gguf::Value;
use xnc::model::{Header, Tensor};
use xnc::{Codec, Table, Verify};

use crate::error::{Error, Result};
use crate::threads;

/// An open model file, plain or compressed.
pub struct ModelFile {
    container: Container,
    /// Layers are copied through this, so that the mapping's resident pages are the table's and the header's.
    file: Mutex<File>,
    path: PathBuf,
}

impl ModelFile {
    /// Opens a GGUF file.
    ///
    /// # Errors
    /// Those of [`Container::open`]; [`Error::Unsupported`] for another format.
    pub fn open(path: &Path) -> Result<ModelFile> {
        let container = Container::open(path)?;
        if !matches!(container.layout().header(), Header::Gguf(_)) {
            return Err(Error::Unsupported("it is no GGUF file".into()));
        }
        Ok(ModelFile { container, file: Mutex::new(File::open(path)?), path: path.to_owned() })
    }

    /// The file's keys and their values.
    ///
    /// # Errors
    /// A text that is not UTF-8.
    pub fn keys(&self) -> Result<Keys<'_>> {
        let Header::Gguf(header) = self.container.layout().header() else { return Ok(Keys::default()) };
        Ok(Keys(header.pairs(self.container.head())?.into_iter().collect()))
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.container.layout().tensor(name).is_some()
    }

    /// The container underneath.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// Codec of a table, none if it is plain or not there.
    pub fn codec(&self, name: &str) -> Option<Codec> {
        let Storage::Coded { codec, .. } = &self.container.metas().get(name)?.storage else { return None };
        Codec::from_name(codec)
    }

    /// A table of 16-bit words. Plain words and codec `fast` stay in the mapped file; what is stored under another codec comes into
    /// memory under `fast`, from a mapping that ends with that.
    ///
    /// # Errors
    /// Those of [`Table::open`].
    pub fn table(&self, name: &str) -> Result<Table> {
        Ok(match self.codec(name) {
            None | Some(Codec::Fast) => Table::from_container(&self.container, name, Verify::OnTouch)?,
            Some(_) => Table::open(&self.path, name, Verify::OnTouch)?.into_fast(threads::count())?,
        })
    }

    /// Where the bytes of a table lie in the file, its index among them.
    pub fn table_ranges(&self, name: &str) -> Vec<Range<u64>> {
        let index = format!("{name}{INDEX_SUFFIX}");
        let tensors = [name, &index].map(|name| self.container.layout().tensor(name));
        tensors.into_iter().flatten().map(|tensor| tensor.range.clone()).collect()
    }

    /// A tensor and a copy of its bytes.
    ///
    /// # Errors
    /// [`Error::Tensor`] when it is not there; reading.
    pub(crate) fn tensor(&self, name: &str) -> Result<(&Tensor, Vec<u8>)> {
        let tensor = self.container.layout().tensor(name);
        let tensor = tensor.ok_or_else(|| Error::tensor(name, "is missing"))?;
        // The layout was compared with the file's length, so this is no allocation of a size that nobody checked.
        let mut bytes = Vec::with_capacity(tensor.bytes() as usize);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(tensor.range.start))?;
        (&mut *file).take(tensor.bytes()).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != tensor.bytes() {
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

/// Key-value pairs of a file, borrowed from it.
#[derive(Default)]
pub struct Keys<'f>(HashMap<&'f str, Value<'f>>);

impl<'f> Keys<'f> {
    /// A whole number, if the key is there.
    pub fn number(&self, key: &str) -> Result<Option<usize>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(n)) if u32::try_from(*n).is_ok() => Ok(Some(*n as usize)),
            Some(Value::Signed(n)) if u32::try_from(*n).is_ok() => Ok(Some(*n as usize)),
            Some(_) => Err(wrong(key, "is no number below 2^32")),
        }
    }

    /// A real number, if the key is there.
    pub fn real(&self, key: &str) -> Result<Option<f32>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Float(x)) => Ok(Some(*x as f32)),
            Some(_) => Err(wrong(key, "is no real number")),
        }
    }

    /// A truth value, if the key is there.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(key, "is no truth value")),
        }
    }

    /// A text, if the key is there.
    pub fn text(&self, key: &str) -> Result<Option<&'f str>> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "is no text")),
        }
    }

    /// An array, each element read by `read`.
    pub fn array<T>(&self, key: &str, read: impl Fn(Value<'f>) -> Option<T>) -> Result<Vec<T>> {
        match self.0.get(key) {
            None => Err(wrong(key, "is missing")),
            Some(Value::Array(array)) => {
                let read = |value| read(value?).ok_or_else(|| wrong(key, "holds values of another type"));
                array.values().map(read).collect()
            }
            Some(_) => Err(wrong(key, "is no array")),
        }
    }
}

/// The value, or an error that names the key.
pub(crate) fn required<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| wrong(key, "is missing"))
}

fn wrong(key: &str, what: &'static str) -> Error {
    Error::Key { key: key.into(), what }
}
