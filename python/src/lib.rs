//! The native part of the Python package `xnc`: types and errors translated, nothing decided.
//!
//! What Python programs meet is in `python/xnc`; this module is what it is made of. Arrays come in as
//! one-dimensional NumPy arrays of the right type, which the Python part sees to. Python's lock is released
//! around every call of the library; whoever writes to an array from another thread meanwhile finds in it what
//! that leaves.

mod arrays;
mod errors;
mod model;
mod pool;
mod store;
mod table;
mod verbs;

use pyo3::prelude::*;

/// The module that `xnc` is made of.
#[pymodule]
mod _xnc {
    #[pymodule_export]
    use crate::model::{Model, model_files};
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::table::{Table, encode};
    #[pymodule_export]
    use crate::verbs::{command, report};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let codecs: Vec<_> = xnc::Codec::ALL.iter().map(|codec| codec.name()).collect();
        module.add("CODECS", codecs)
    }
}
