//! Running from compressed tables: what `xnc bench` measures of every codec, beside plain words.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xnc::Codec;

use super::Study;
use crate::spread::Spread;
use crate::tables::TableFile;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Running {
    /// A row a table and codec.
    pub rows: Vec<Row>,
    /// A row a table and kind of product.
    pub products: Vec<Product>,
}

/// Speeds of a table under a codec, by one thread. A run is a process of `xnc bench`, which gives medians.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub table: String,
    /// Type.
    pub dtype: String,
    /// Codec.
    pub codec: String,
    /// 10^9 source bytes a second, to plain words.
    pub encode_gb_s: Spread,
    /// The same, from them.
    pub decode_gb_s: Spread,
    /// Against copying the plain words.
    pub ratio_to_memcpy: Spread,
    /// Time a row, of 512 random ones.
    pub gather_ns: Spread,
    /// Against copying them from a plain table.
    pub ratio_to_copy: Spread,
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
    pub ms: Spread,
    /// From plain ones.
    pub plain_ms: Spread,
    /// What the plain loop reads.
    pub plain_gb_s: Spread,
    /// That against a loop that only reads, on as many threads.
    pub plain_to_read: Spread,
    /// Plain time against compressed time.
    pub speedup: Spread,
}

/// Processes that measure the same, one after another: what differs between them is what a reader will meet. After
/// this time no other begins.
const PROCESSES: usize = 3;
const TIME: Duration = Duration::from_secs(25);

/// Runs `xnc bench` on every language-model table.
///
/// # Errors
/// When it fails.
pub fn measure(study: &Study) -> Result<Running> {
    let seconds = if study.sample { "1" } else { "2" };
    let mut found = Running { rows: Vec::new(), products: Vec::new() };
    for pair in &study.tables {
        for codec in Codec::ALL {
            let table = if *codec == Codec::Xnc { &pair.f16 } else { &pair.bf16 };
            // Encoding it first takes minutes; section `ratios` does that once.
            if *codec == Codec::Dense && table.bytes() > study.main().bytes() {
                continue;
            }
            let path = table.path.to_string_lossy();
            // It has no products, and nearly all of the time would go into encoding it again.
            let times = if study.sample || *codec == Codec::Dense { 1 } else { PROCESSES };
            let begin = Instant::now();
            let mut benches: Vec<Value> = Vec::new();
            while benches.is_empty() || (benches.len() < times && begin.elapsed() < TIME) {
                benches.push(study.xnc(&["bench", &path, "--codec", codec.name(), "--seconds", seconds])?);
            }
            found.rows.push(row(table, *codec, &benches)?);
            for (key, vectors) in PRODUCTS {
                let values = benches.iter().map(|bench| bench.get(key));
                let values: Option<Vec<&Value>> = values.collect();
                let values = values.with_context(|| format!("xnc bench: no `{key}`"))?;
                found.products.extend(product(table, *codec, &values, vectors)?);
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

fn row(table: &TableFile, codec: Codec, benches: &[Value]) -> Result<Row> {
    let spread = |path: &str| spread(benches.iter().map(|bench| bench.pointer(path)));
    Ok(Row {
        table: table.label.clone(),
        dtype: table.dtype.to_string(),
        codec: codec.name().into(),
        encode_gb_s: spread("/encode_gb_s")?,
        decode_gb_s: spread("/decode/gb_s")?,
        ratio_to_memcpy: spread("/decode/ratio_to_memcpy")?,
        gather_ns: spread("/gather/ns_per_row")?,
        ratio_to_copy: spread("/gather/ratio_to_copy")?,
    })
}

/// None where the codec has no such product.
fn product(table: &TableFile, codec: Codec, values: &[&Value], vectors: u64) -> Result<Option<Product>> {
    let first = values.first().context("xnc bench: no run")?;
    if first.is_null() {
        return Ok(None);
    }
    let activation = first["activation"].as_str().context("xnc bench: the activations")?;
    let vectors = if vectors > 1 { format!(", {vectors} vectors") } else { String::new() };
    let spread = |key: &str| spread(values.iter().map(|value| value.get(key)));
    Ok(Some(Product {
        table: table.label.clone(),
        codec: codec.name().into(),
        activations: format!("{activation}{vectors}"),
        threads: first["threads"].as_u64().context("xnc bench: the threads")?,
        ms: spread("ms")?,
        plain_ms: spread("plain_ms")?,
        plain_gb_s: spread("plain_gb_s")?,
        plain_to_read: spread("plain_to_read")?,
        speedup: spread("speedup")?,
    }))
}

fn spread<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> Result<Spread> {
    let numbers = values.map(|value| value.and_then(Value::as_f64).context("xnc bench: a number is missing"));
    Spread::of(numbers.collect::<Result<_>>()?)
}
