//! Running from compressed tables: what `xnc bench` measures of every codec, beside plain words.

use anyhow::Result;
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

/// A table times vectors, straight from rows of codec `fast`, against the fastest of several plain loops.
#[derive(Serialize, Deserialize)]
pub struct Product {
    /// Which.
    pub table: String,
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
            found.rows.extend(row(table, *codec, &bench));
            let products =
                bench.as_object().into_iter().flatten().filter(|(key, _)| key.starts_with("product"));
            found.products.extend(products.filter_map(|(key, value)| product(table, key, value)));
        }
    }
    Ok(found)
}

fn row(table: &TableFile, codec: Codec, bench: &Value) -> Option<Row> {
    Some(Row {
        table: table.label.clone(),
        dtype: table.dtype.to_string(),
        codec: codec.name().into(),
        encode_gb_s: bench["encode_gb_s"].as_f64()?,
        decode_gb_s: bench["decode"]["gb_s"].as_f64()?,
        ratio_to_memcpy: bench["decode"]["ratio_to_memcpy"].as_f64()?,
        gather_ns: bench["gather"]["ns_per_row"].as_f64()?,
        ratio_to_copy: bench["gather"]["ratio_to_copy"].as_f64()?,
    })
}

/// None where the codec has no products.
fn product(table: &TableFile, key: &str, value: &Value) -> Option<Product> {
    let vectors = if key.ends_with("batch_8") { ", 8 vectors" } else { "" };
    Some(Product {
        table: table.label.clone(),
        activations: format!("{}{vectors}", value["activation"].as_str()?),
        threads: value["threads"].as_u64()?,
        ms: value["ms"].as_f64()?,
        plain_ms: value["plain_ms"].as_f64()?,
        plain_gb_s: value["plain_gb_s"].as_f64()?,
        speedup: value["speedup"].as_f64()?,
    })
}
