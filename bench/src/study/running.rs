//! Running from compressed tables: what `xnc bench` measures of every codec, beside plain words.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xnc::Codec;

use super::Study;
use crate::tables::TableFile;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Running {
    /// A row a table and codec.
    pub rows: Vec<Row>,
    /// A row a table and kind of product.
    pub products: Vec<Product>,
}

/// Speeds of a table under a codec, by one thread.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub table: String,
    /// Type.
    pub dtype: String,
    /// Codec.
    pub codec: String,
    /// 10^9 source bytes a second, to plain words.
    pub encode_gb_s: f64,
    /// The same, from them.
    pub decode_gb_s: f64,
    /// Against copying the plain words.
    pub ratio_to_memcpy: f64,
    /// Time a row, of 512 random ones.
    pub gather_ns: f64,
    /// Against copying them from a plain table.
    pub ratio_to_copy: f64,
}

/// A table times vectors, straight from compressed rows, against the fastest of several plain loops.
#[derive(Serialize, Deserialize)]
pub struct Product {
    /// Which.
    pub table: String,
    /// Codec of the rows.
    pub codec: String,
    /// Activations, and how many vectors.
    pub activations: String,
    /// Threads.
    pub threads: u64,
    /// From compressed rows.
    pub ms: f64,
    /// From plain ones.
    pub plain_ms: f64,
    /// What the plain loop reads.
    pub plain_gb_s: f64,
    /// That against a loop that only reads, on as many threads.
    pub plain_to_read: f64,
    /// Plain time against compressed time.
    pub speedup: f64,
}

/// Runs `xnc bench` on every language-model table.
///
/// # Errors
/// When it fails.
pub fn measure(study: &Study) -> Result<Running> {
    let seconds = if study.sample { "1" } else { "6" };
    let mut found = Running { rows: Vec::new(), products: Vec::new() };
    for pair in &study.tables {
        for codec in Codec::ALL {
            let table = if *codec == Codec::Xnc { &pair.f16 } else { &pair.bf16 };
            // Encoding it first takes minutes; section `ratios` does that once.
            if *codec == Codec::Dense && table.bytes() > study.main().bytes() {
                continue;
            }
            let path = table.path.to_string_lossy();
            let bench = study.xnc(&["bench", &path, "--codec", codec.name(), "--seconds", seconds])?;
            found.rows.push(row(table, *codec, &bench)?);
            for (key, vectors) in PRODUCTS {
                let value = bench.get(key).with_context(|| format!("xnc bench: no `{key}`"))?;
                found.products.extend(product(table, *codec, value, vectors)?);
            }
        }
    }
    Ok(found)
}

/// Keys of `xnc bench`, and how many vectors each stands for.
const PRODUCTS: [(&str, u64); 6] = [
    ("product", 1),
    ("product_bf16", 1),
    ("product_one_thread", 1),
    ("product_bf16_one_thread", 1),
    ("product_batch_8", 8),
    ("product_bf16_batch_8", 8),
];

fn row(table: &TableFile, codec: Codec, bench: &Value) -> Result<Row> {
    Ok(Row {
        table: table.label.clone(),
        dtype: table.dtype.to_string(),
        codec: codec.name().into(),
        encode_gb_s: number(&bench["encode_gb_s"])?,
        decode_gb_s: number(&bench["decode"]["gb_s"])?,
        ratio_to_memcpy: number(&bench["decode"]["ratio_to_memcpy"])?,
        gather_ns: number(&bench["gather"]["ns_per_row"])?,
        ratio_to_copy: number(&bench["gather"]["ratio_to_copy"])?,
    })
}

/// None where the codec has no such product.
fn product(table: &TableFile, codec: Codec, value: &Value, vectors: u64) -> Result<Option<Product>> {
    if value.is_null() {
        return Ok(None);
    }
    let activation = value["activation"].as_str().context("xnc bench: the activations")?;
    let vectors = if vectors > 1 { format!(", {vectors} vectors") } else { String::new() };
    Ok(Some(Product {
        table: table.label.clone(),
        codec: codec.name().into(),
        activations: format!("{activation}{vectors}"),
        threads: value["threads"].as_u64().context("xnc bench: the threads")?,
        ms: number(&value["ms"])?,
        plain_ms: number(&value["plain_ms"])?,
        plain_gb_s: number(&value["plain_gb_s"])?,
        plain_to_read: number(&value["plain_to_read"])?,
        speedup: number(&value["speedup"])?,
    }))
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().context("xnc bench: a number is missing")
}
