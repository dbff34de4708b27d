//! Rows and products of one table.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use rayon::prelude::*;
use xnc::{Dtype, EncodeOptions, Result};

use crate::arrays::{Values, Words, ids};
use crate::{errors, pool};

/// Words that a thread decodes at a time when many are read: a few chunks of every codec.
const PART_WORDS: usize = 1 << 18;

/// An open table.
#[pyclass(frozen, module = "xnc._xnc")]
pub struct Table(xnc::Table);

impl Table {
    pub fn new(table: xnc::Table) -> Table {
        Table(table)
    }

    fn told<T>(&self, py: Python<'_>, result: Result<T>) -> PyResult<T> {
        result.map_err(|error| errors::of_table(py, &error, self.0.name()))
    }
}

#[pymethods]
impl Table {
    #[getter]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    #[getter]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    /// `BF16` or `F16`.
    #[getter]
    fn dtype(&self) -> String {
        self.0.dtype().to_string()
    }

    #[getter]
    fn codec(&self) -> Option<&'static str> {
        self.0.codec().map(xnc::Codec::name)
    }

    #[getter]
    fn backend(&self) -> String {
        self.0.backend().to_string()
    }

    #[getter]
    fn stored_bytes(&self) -> u64 {
        self.0.stored_bytes()
    }

    /// The words of rows.
    fn gather(&self, py: Python<'_>, rows: PyReadonlyArray1<'_, i64>, mut out: Words<'_>) -> PyResult<()> {
        let (rows, out) = (ids(py, &rows, self.0.name())?, out.as_slice_mut()?);
        let done = py.detach(|| self.0.gather(&rows, out));
        self.told(py, done)
    }

    /// The exact values of rows.
    fn gather_f32(
        &self,
        py: Python<'_>,
        rows: PyReadonlyArray1<'_, i64>,
        mut out: Values<'_>,
    ) -> PyResult<()> {
        let (rows, out) = (ids(py, &rows, self.0.name())?, out.as_slice_mut()?);
        let done = py.detach(|| self.0.gather_f32(&rows, out));
        self.told(py, done)
    }

    /// The words from `first` on, as many as `out` takes.
    fn read(&self, py: Python<'_>, first: usize, mut out: Words<'_>, threads: usize) -> PyResult<()> {
        let out = out.as_slice_mut()?;
        if threads == 1 || out.len() <= PART_WORDS {
            let done = py.detach(|| self.0.read(first, out));
            return self.told(py, done);
        }
        let part = |(n, part): (usize, &mut [u16])| self.0.read(first.saturating_add(n * PART_WORDS), part);
        let done = pool::run(py, threads, || out.par_chunks_mut(PART_WORDS).enumerate().try_for_each(part))?;
        self.told(py, done)
    }

    /// The table times F32 vectors, one after another in `x`.
    fn product(
        &self,
        py: Python<'_>,
        x: PyReadonlyArray1<'_, f32>,
        mut out: Values<'_>,
        threads: usize,
    ) -> PyResult<()> {
        let (x, out) = (x.as_slice()?, out.as_slice_mut()?);
        let done = pool::run(py, threads, || self.0.product(x, threads, out))?;
        self.told(py, done)
    }

    /// As `product`, of vectors of BF16 words.
    fn product_bf16(
        &self,
        py: Python<'_>,
        x: PyReadonlyArray1<'_, u16>,
        mut out: Values<'_>,
        threads: usize,
    ) -> PyResult<()> {
        let (x, out) = (x.as_slice()?, out.as_slice_mut()?);
        let done = pool::run(py, threads, || self.0.product_bf16(x, threads, out))?;
        self.told(py, done)
    }
}

/// A table in memory, encoded from words.
#[pyfunction]
pub fn encode(
    py: Python<'_>,
    words: PyReadonlyArray1<'_, u16>,
    shape: (usize, usize),
    dtype: &str,
    codec: &str,
    effort: u8,
    threads: usize,
) -> PyResult<Table> {
    let told = |error: xnc::Error| {
        let message = error.to_string();
        errors::library(py, &error, message)
    };
    let dtype = match dtype {
        "BF16" => Dtype::Bf16,
        _ => Dtype::F16,
    };
    let mut options = EncodeOptions::default();
    options.codec = codec.parse().map_err(told)?;
    options.effort = effort;
    options.threads = threads;
    let words = words.as_slice()?;
    // Encoding takes its threads from the current pool, also where it starts one of its own beside it.
    let encoded = pool::run(py, 0, || xnc::Table::encode(dtype, shape.0, shape.1, words, &options))?;
    Ok(Table(encoded.map_err(told)?))
}
