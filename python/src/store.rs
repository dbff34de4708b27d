//! Rows of a table that stays on disk.

use std::path::PathBuf;

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use xnc_store::StoreOptions;

use crate::arrays::{Values, Words, ids};
use crate::errors;

/// An open store.
#[pyclass(frozen, module = "xnc._xnc")]
pub struct Store {
    store: xnc_store::Store,
    name: String,
}

impl Store {
    fn told<T>(&self, py: Python<'_>, result: xnc::Result<T>) -> PyResult<T> {
        result.map_err(|error| errors::of_table(py, &error, &self.name))
    }
}

#[pymethods]
impl Store {
    #[new]
    fn new(
        py: Python<'_>,
        source: PathBuf,
        name: String,
        cache_bytes: u64,
        direct: bool,
        depth: usize,
    ) -> PyResult<Store> {
        let mut options = StoreOptions::default();
        (options.cache_bytes, options.direct, options.depth) = (cache_bytes, direct, depth);
        let opened = py.detach(|| xnc_store::Store::open(&source, &name, &options));
        let store = opened.map_err(|error| errors::of_table(py, &error, &name))?;
        Ok(Store { store, name })
    }

    #[getter]
    fn rows(&self) -> usize {
        self.store.rows()
    }

    #[getter]
    fn dim(&self) -> usize {
        self.store.dim()
    }

    /// `BF16` or `F16`.
    #[getter]
    fn dtype(&self) -> String {
        self.store.dtype().to_string()
    }

    #[getter]
    fn codec(&self) -> Option<&'static str> {
        self.store.codec().map(xnc::Codec::name)
    }

    #[getter]
    fn index_bytes(&self) -> usize {
        self.store.index_bytes()
    }

    /// The words of rows.
    fn gather(&self, py: Python<'_>, rows: PyReadonlyArray1<'_, i64>, mut out: Words<'_>) -> PyResult<()> {
        let (rows, out) = (ids(py, &rows, &self.name)?, out.as_slice_mut()?);
        let done = py.detach(|| self.store.gather(&rows, out));
        self.told(py, done)
    }

    /// The exact values of rows.
    fn gather_f32(
        &self,
        py: Python<'_>,
        rows: PyReadonlyArray1<'_, i64>,
        mut out: Values<'_>,
    ) -> PyResult<()> {
        let (rows, out) = (ids(py, &rows, &self.name)?, out.as_slice_mut()?);
        let done = py.detach(|| self.store.gather_f32(&rows, out));
        self.told(py, done)
    }

    /// Has rows read early.
    fn prefetch(&self, py: Python<'_>, rows: PyReadonlyArray1<'_, i64>) -> PyResult<()> {
        let rows = ids(py, &rows, &self.name)?;
        let done = py.detach(|| self.store.prefetch(&rows));
        self.told(py, done)
    }

    /// Rows, hits, reads, bytes, waits, prefetched rows.
    fn counters(&self) -> (u64, u64, u64, u64, u64, u64) {
        let told = self.store.counters();
        (told.rows, told.hits, told.reads, told.bytes, told.waits, told.prefetched)
    }
}
