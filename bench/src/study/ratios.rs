//! Size of every table under each codec, as `xnc compress` reports it, with everything counted.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xnc::Codec;

use super::Study;
use crate::tables::TableFile;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Ratios {
    /// What no codec decides: a row a table and type.
    pub bounds: Vec<Bound>,
    /// A row a table, type, codec and effort.
    pub rows: Vec<Row>,
}

/// Counts of a table.
#[derive(Serialize, Deserialize)]
pub struct Bound {
    /// Which.
    pub table: String,
    /// Type.
    pub dtype: String,
    /// Extent.
    pub shape: [usize; 2],
    /// The paper's count, on the FP16 words.
    pub published: f64,
    /// 16 bits against the order-0 entropy of the words.
    pub order0: f64,
}

/// A table under a codec.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub table: String,
    /// Type.
    pub dtype: String,
    /// Codec.
    pub codec: String,
    /// Effort, for `dense`.
    pub effort: Option<u8>,
    /// Source bytes against stored bytes; none where the table stays plain.
    pub ratio: Option<f64>,
    /// Time of the command: reading, encoding, writing, restoring, comparing.
    pub seconds: f64,
    /// Largest resident size of the command.
    pub peak_bytes: Option<u64>,
}

impl Ratios {
    /// The ratio of a table under a codec, at the default effort.
    pub fn ratio(&self, table: &str, dtype: &str, codec: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| {
            row.table == table && row.dtype == dtype && row.codec == codec && row.effort.is_none()
        });
        row?.ratio
    }
}

/// Efforts of `dense` besides the default one.
const EFFORTS: [u8; 3] = [1, 2, 4];

/// Compresses every table with every codec; the main table with `dense` at every effort.
pub fn measure(study: &Study) -> Result<Ratios> {
    let (mut bounds, mut rows) = (Vec::new(), Vec::new());
    for pair in &study.tables {
        for table in [&pair.bf16, &pair.f16] {
            bounds.push(bound(study, table)?);
            for codec in Codec::ALL {
                // FP16 casts of BF16 words are coded as those: `dense` would take its minutes twice for the same bytes.
                if *codec == Codec::Dense && table.dtype == xnc::Dtype::F16 {
                    continue;
                }
                rows.push(row(study, table, *codec, None)?);
            }
        }
    }
    let efforts = if study.sample { &EFFORTS[..1] } else { &EFFORTS[..] };
    for &effort in efforts {
        rows.push(row(study, study.main(), Codec::Dense, Some(effort))?);
    }
    Ok(Ratios { bounds, rows })
}

fn bound(study: &Study, table: &TableFile) -> Result<Bound> {
    let report = study.xnc(&["analyze", &table.path.to_string_lossy()])?;
    let tensor = &report["tensors"][0];
    Ok(Bound {
        table: table.label.clone(),
        dtype: table.dtype.to_string(),
        shape: [table.rows, table.dim],
        published: tensor["xnc"]["ratio"].as_f64().context("analyze: the published count")?,
        order0: 16.0 / tensor["order0_bits_per_weight"].as_f64().context("analyze: the entropy")?,
    })
}

fn row(study: &Study, table: &TableFile, codec: Codec, effort: Option<u8>) -> Result<Row> {
    let level = effort.map(|effort| effort.to_string());
    let mut args = vec!["--codec", codec.name()];
    if let Some(level) = &level {
        args.extend(["--effort", level]);
    }
    let report = study.compress(&table.path, &args)?;
    Ok(Row {
        table: table.label.clone(),
        dtype: table.dtype.to_string(),
        codec: codec.name().into(),
        effort,
        ratio: ratio(&report["tensors"][0]),
        seconds: report["seconds"].as_f64().context("compress: its time")?,
        peak_bytes: report["peak_rss_bytes"].as_u64(),
    })
}

/// Ratio of a tensor in what `compress` reports; none where it stayed plain.
pub fn ratio(tensor: &Value) -> Option<f64> {
    tensor["codec"].as_str().and(tensor["ratio"].as_f64())
}
