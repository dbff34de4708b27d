//! Tables that XNC does little or nothing for, each with every codec.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xnc::{Codec, Dtype};

use super::{Study, ratios};
use crate::tables::{Random, TableFile, rounded};

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Limits {
    /// A row a table.
    pub rows: Vec<Row>,
}

/// A table that is no embedding table cast from BF16, or hardly one.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// What it is.
    pub table: String,
    /// Type and extent.
    pub shape: String,
    /// The paper's count, on the FP16 words; below 1 it would grow.
    pub published: Option<f64>,
    /// 16 bits against the order-0 entropy, which for a small table flatters whoever would have to send the statistics.
    pub order0: Option<f64>,
    /// Codec and its ratio, none where the table stays plain.
    pub ratios: Vec<(String, Option<f64>)>,
}

/// Measures what is made here and the natively FP16 tables.
pub fn measure(study: &Study) -> Result<Limits> {
    let scratch = study.scratch();
    let mut tables: Vec<TableFile> = study.native.clone();
    tables.iter_mut().for_each(|table| table.label += ", rounded to FP16 from F32");
    let (rows, dim) = (4096, 768);
    let mut random = Random::new(7);
    let normals = random.normals(rows * dim, 0.02);
    let write = |label: &str, dtype, words: &[u16]| TableFile::write(scratch, label, dtype, dim, words);
    tables.push(write("normal deviates, native FP16", Dtype::F16, &rounded(&normals, Dtype::F16))?);
    tables.push(write("normal deviates, BF16", Dtype::Bf16, &rounded(&normals, Dtype::Bf16))?);
    let flat: Vec<f32> = (0..rows * dim).map(|_| (random.bits() >> 40) as f32 * 2e-9).collect();
    tables.push(write("uniform values, native FP16", Dtype::F16, &rounded(&flat, Dtype::F16))?);
    let noise: Vec<u16> = (0..rows * dim).map(|_| random.bits() as u16).collect();
    tables.push(write("random words, BF16", Dtype::Bf16, &noise)?);
    let main = study.main();
    for rows in [1, 8, 64, 512] {
        let mut part = main.first(scratch, rows)?;
        part.label = format!("first {rows} rows of {}", main.label);
        tables.push(part);
    }
    let rows = tables.iter().map(|table| row(study, table)).collect::<Result<_>>()?;
    Ok(Limits { rows })
}

fn row(study: &Study, table: &TableFile) -> Result<Row> {
    let report = study.xnc(&["analyze", &table.path.to_string_lossy()])?;
    let tensor = &report["tensors"][0];
    let ratio = |codec: &Codec| {
        let report = study.compress(&table.path, &["--codec", codec.name()])?;
        Ok((codec.name().to_owned(), ratios::ratio(&report["tensors"][0])))
    };
    Ok(Row {
        table: table.label.clone(),
        shape: table.shape(),
        published: tensor["xnc"]["ratio"].as_f64(),
        order0: tensor["order0_bits_per_weight"].as_f64().filter(|bits| *bits > 0.0).map(|bits| 16.0 / bits),
        ratios: Codec::ALL.iter().map(ratio).collect::<Result<_>>()?,
    })
}
