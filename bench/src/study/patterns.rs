//! Patterns of FP16 words, as the paper counts them, and where its zeros come from.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xnc::Dtype;
use xnc::dtype::{bf16_to_f16, f16_to_bf16};

use super::Study;
use crate::tables::{Random, TableFile, rounded};

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Patterns {
    /// A row a table.
    pub rows: Vec<Row>,
}

/// Shares of the words of one table, 0 to 1.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub table: String,
    /// Type and extent.
    pub shape: String,
    /// Whether the words are casts of BF16 words.
    pub cast: bool,
    /// Whether the values are a generator's, not a model's.
    pub generated: bool,
    /// All 16 bits zero.
    pub all_zero: f64,
    /// Upper byte all zeros or all ones, the word not zero.
    pub narrow: f64,
    /// The rest.
    pub other: f64,
    /// Bits 2, 14, 15 and 16 zero.
    pub four_bits_zero: f64,
    /// Bits 14, 15 and 16 zero.
    pub last_bits_zero: f64,
    /// The paper's count.
    pub xnc_ratio: f64,
    /// BF16 words that do not come back from the cast.
    pub lost: Option<f64>,
    /// Blocks of 32 words that hold one such.
    pub lost_blocks: Option<f64>,
}

/// Counts all tables, native ones, and normal deviates made for comparison.
pub fn measure(study: &Study) -> Result<Patterns> {
    let mut rows = Vec::new();
    for pair in &study.tables {
        rows.push(row(study, &pair.f16, Some(&pair.bf16), false)?);
    }
    for native in &study.native {
        rows.push(row(study, native, None, false)?);
    }
    let values = Random::new(1).normals(4096 * 768, 0.02);
    let write = |dtype| {
        TableFile::write(study.scratch(), "normal deviates", dtype, 768, &rounded(&values, dtype))
    };
    let bf16 = write(Dtype::Bf16)?;
    let mut cast = bf16.clone();
    cast.label += " cast";
    let mut cast = cast.cast(study.scratch())?;
    cast.label = bf16.label.clone();
    rows.push(row(study, &cast, Some(&bf16), true)?);
    rows.push(row(study, &write(Dtype::F16)?, None, true)?);
    Ok(Patterns { rows })
}

fn row(study: &Study, table: &TableFile, bf16: Option<&TableFile>, generated: bool) -> Result<Row> {
    let report = study.xnc(&["analyze", &table.path.to_string_lossy()])?;
    let tensor = &report["tensors"][0];
    let number = |value: &Value| value.as_f64().context("analyze: a number");
    let share = |name: &str| number(&tensor["patterns"][name]);
    let words = table.words()?;
    let of_words = |n: usize| n as f64 / words.len() as f64;
    let (mut lost, mut lost_blocks) = (None, None);
    if let Some(bf16) = bf16 {
        let source = bf16.words()?;
        let changed = |word: &&u16| f16_to_bf16(bf16_to_f16(**word)) != **word;
        lost = Some(of_words(source.iter().filter(changed).count()));
        let blocks = source.chunks(32);
        let all = blocks.len() as f64;
        lost_blocks = Some(blocks.filter(|block| block.iter().any(|word| changed(&word))).count() as f64 / all);
    }
    Ok(Row {
        table: table.label.clone(),
        shape: table.shape(),
        cast: bf16.is_some(),
        generated,
        all_zero: share("all_zero")?,
        narrow: share("narrow")?,
        other: share("other")?,
        four_bits_zero: share("bits_2_14_15_16_zero")?,
        last_bits_zero: of_words(words.iter().filter(|word| **word & 7 == 0).count()),
        xnc_ratio: number(&tensor["xnc"]["ratio"])?,
        lost,
        lost_blocks,
    })
}
