//! NumPy arrays as the slices that the library takes.

use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;

use crate::errors::exception;

/// Row numbers; the library refuses those past the end.
///
/// # Errors
/// A negative one; an array that is not contiguous.
pub fn ids(py: Python<'_>, ids: &PyReadonlyArray1<'_, i64>, table: &str) -> PyResult<Vec<usize>> {
    ids.as_slice()?
        .iter()
        .map(|&id| {
            usize::try_from(id).map_err(|_| {
                let message = format!("table `{table}`: row {id} is negative");
                exception(py, "RowError", message)
            })
        })
        .collect()
}

/// What is to be filled.
pub type Words<'py> = PyReadwriteArray1<'py, u16>;
/// As [`Words`], of values.
pub type Values<'py> = PyReadwriteArray1<'py, f32>;
