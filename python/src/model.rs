//! A model file, mapped or in memory.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::errors;
use crate::table::Table;

/// An open model file.
#[pyclass(frozen, module = "xnc._xnc")]
pub struct Model(xnc::Model);

/// What a model is opened from.
#[derive(FromPyObject)]
pub enum Source {
    /// Bytes, which are not copied.
    Bytes(PyBackedBytes),
    /// A file, which is mapped.
    Path(PathBuf),
}

/// Element type and extents in the source, the codec, and the tensor that holds the words of a duplicate.
type Described = (String, Vec<u64>, Option<&'static str>, Option<String>);

#[pymethods]
impl Model {
    #[new]
    fn new(py: Python<'_>, source: Source) -> PyResult<Model> {
        let (opened, path) = match source {
            Source::Bytes(bytes) => (py.detach(|| xnc::Model::from_bytes(bytes)), None),
            Source::Path(path) => (py.detach(|| xnc::Model::open(&path)), Some(path)),
        };
        opened.map(Model).map_err(|error| {
            let message = error.to_string();
            let message = match path.map(|path| path.display().to_string()) {
                Some(path) if !message.starts_with(&path) => format!("{path}: {message}"),
                _ => message,
            };
            errors::library(py, &error, message)
        })
    }

    /// Names of the tables.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.0.tables()
    }

    /// `safetensors` or `gguf`.
    #[getter]
    fn format(&self) -> String {
        self.0.format().to_string()
    }

    #[getter]
    fn is_compressed(&self) -> bool {
        self.0.is_compressed()
    }

    /// What a tensor of the source is.
    fn describe(&self, name: &str) -> Option<Described> {
        let info = self.0.tensor(name)?;
        Some((info.dtype, info.shape, info.codec.map(xnc::Codec::name), info.same_as))
    }

    /// Where the bytes of a tensor lie in memory: what tells one from another.
    fn address(&self, name: &str) -> Option<usize> {
        self.0.bytes(name).map(|bytes| bytes.as_ptr() as usize)
    }

    /// BLAKE3 of the tensor's bytes in the source, which a compressed tensor records.
    fn digest(&self, name: &str) -> Option<String> {
        let record = self.0.bytes(&format!("{name}.xnc_meta"))?;
        let record: serde_json::Value = serde_json::from_slice(record).ok()?;
        record.get("blake3")?.as_str().map(str::to_owned)
    }

    /// Opens a table.
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<Table> {
        let opened = py.detach(|| self.0.table(name));
        opened.map(Table::new).map_err(|error| errors::of_table(py, &error, name))
    }
}

/// The file itself, or the model files of a folder.
#[pyfunction]
pub fn model_files(py: Python<'_>, path: PathBuf) -> PyResult<Vec<PathBuf>> {
    py.detach(|| xnc::model_files(&path)).map_err(|error| {
        let message = error.to_string();
        errors::library(py, &error, message)
    })
}
