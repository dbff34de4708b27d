//! What the module answers, as bytes and JSON: everything that touches the library.
//!
//! `cargo xtask wasm` compiles this file too, so that answers in WebAssembly are compared with those of the
//! same questions on the machine itself.

use std::sync::Arc;

use serde_json::{Value, json};
use xnc::{Progress, RestoreOptions, Result, Table};

/// A model file in memory.
pub struct Model {
    file: Arc<[u8]>,
    model: xnc::Model,
}

impl Model {
    /// Reads a model file, plain or compressed.
    ///
    /// # Errors
    /// Those of the library.
    pub fn new(file: Vec<u8>) -> Result<Model> {
        let file: Arc<[u8]> = file.into();
        Ok(Model { model: xnc::Model::from_bytes(file.clone())?, file })
    }

    /// The bytes of the file that this one was made of.
    ///
    /// # Errors
    /// Those of the library.
    pub fn restored(&self) -> Result<Vec<u8>> {
        xnc::restore_bytes(self.file.clone(), &RestoreOptions::default())
    }

    /// Names and extents of the tables.
    ///
    /// # Errors
    /// Those of the library.
    pub fn tables(&self) -> Result<Value> {
        let names = self.model.tables().into_iter();
        names.map(|name| self.table(name).map(|table| described(name, &table))).collect()
    }

    /// The table of that name.
    ///
    /// # Errors
    /// Those of the library.
    pub fn table(&self, name: &str) -> Result<Table> {
        self.model.table(name)
    }
}

fn described(name: &str, table: &Table) -> Value {
    json!({
        "name": name,
        "dtype": table.dtype(),
        "shape": [table.rows(), table.dim()],
        "codec": table.codec().map(|codec| codec.name()),
    })
}

/// The words of rows, one row after another.
///
/// # Errors
/// Those of the library.
pub fn rows(table: &Table, ids: &[usize]) -> Result<Vec<u16>> {
    let mut words = vec![0; ids.len() * table.dim()];
    table.gather(ids, &mut words)?;
    Ok(words)
}

/// Every row times the one vector `x`.
///
/// # Errors
/// Those of the library.
pub fn product(table: &Table, x: &[f32]) -> Result<Vec<f32>> {
    let mut out = vec![0.0; table.rows()];
    table.product(x, 1, &mut out)?;
    Ok(out)
}

/// What is in a table, under the names of `xnc analyze --json`.
///
/// # Errors
/// Those of the library.
pub fn analysis(table: &Table) -> Result<Value> {
    let analysis = xnc::analyze(table, 1, &Progress::default())?;
    let (patterns, count) = (analysis.patterns, analysis.xnc);
    Ok(json!({
        "words": analysis.words,
        "patterns": {
            "all_zero": patterns.all_zero,
            "narrow": patterns.narrow,
            "other": patterns.other,
            "bits_2_14_15_16_zero": patterns.bits_2_14_15_16_zero,
        },
        "xnc": {
            "bits": count.bits,
            "ratio": analysis.xnc_ratio,
            "words_9": count.words_9,
            "words_12": count.words_12,
            "words_16": count.words_16,
            "metadata_bits": count.metadata_bits,
        },
        "order0_bits_per_weight": analysis.order0_bits_per_weight,
    }))
}
