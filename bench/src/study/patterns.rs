//! Patterns of FP16 words, as the paper counts them, and where its zeros come from.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use xnc::{Dtype, Progress};

use super::Study;
use crate::patterns::{Origin, Shares, changed_by_cast, same_family};
use crate::tables::TableFile;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Patterns {
    /// A row a table: casts of BF16 tables, then those rounded to FP16 at once.
    pub rows: Vec<Row>,
    /// Where the zeros of each cast come from.
    pub origins: Vec<Source>,
}

/// Shares of the FP16 words of one table, 0 to 1.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub table: String,
    /// Extent.
    pub shape: [usize; 2],
    /// Whether the words are casts of BF16 words.
    pub cast: bool,
    /// All 16 bits zero.
    pub all_zero: f64,
    /// Upper byte all zeros or all ones, the word not zero.
    pub narrow: f64,
    /// The rest.
    pub other: f64,
    /// Bits 2, 14, 15 and 16 zero.
    pub four_bits_zero: f64,
    /// The paper's count.
    pub xnc_ratio: f64,
    /// What the paper published for models of the same family: name, share of the four bits.
    pub published: Vec<(String, f64)>,
}

/// Bits 14, 15 and 16 of one table before and after the cast.
#[derive(Serialize, Deserialize)]
pub struct Source {
    /// Which.
    pub table: String,
    /// Words that have them zero as BF16.
    pub bf16: f64,
    /// As FP16, cast from those.
    pub cast: f64,
    /// Normal noise of the same deviation, rounded to FP16 at once.
    pub noise: f64,
    /// The same noise, rounded to BF16 and cast.
    pub noise_cast: f64,
    /// Words that the cast changes for good.
    pub changed: f64,
    /// Blocks of 32 words with such a word.
    pub changed_blocks: f64,
}

/// Counts all tables.
pub fn measure(study: &Study) -> Result<Patterns> {
    let (mut rows, mut origins) = (Vec::new(), Vec::new());
    for pair in &study.tables {
        let (row, origin) = row(&pair.bf16, true)?;
        rows.push(row);
        origins.push(origin.context("a BF16 table has an origin")?);
    }
    for native in &study.native {
        rows.push(row(native, false)?.0);
    }
    Ok(Patterns { rows, origins })
}

/// `analyze` casts BF16 words itself.
fn row(file: &TableFile, cast: bool) -> Result<(Row, Option<Source>)> {
    let table = file.open_plain()?;
    let analysis = xnc::analyze(&table, 0, &Progress::default())?;
    ensure!(analysis.words > 0, "an empty table");
    let shares = Shares::new(&analysis.patterns, analysis.words);
    let published = same_family(&file.label).map(|one| (one.model.to_owned(), one.bits_2_14_15_16_zero));
    let row = Row {
        table: file.label.clone(),
        shape: [file.rows, file.dim],
        cast,
        all_zero: shares.all_zero,
        narrow: shares.narrow,
        other: shares.other,
        four_bits_zero: shares.bits_2_14_15_16_zero,
        xnc_ratio: 16.0 * analysis.words as f64 / analysis.xnc.bits as f64,
        published: published.collect(),
    };
    if file.dtype != Dtype::Bf16 {
        return Ok((row, None));
    }
    let words = file.words()?;
    let origin = Origin::new(&words).context("an empty table")?;
    let blocks = words.chunks(32);
    let count = blocks.len() as f64;
    let changed = blocks.filter(|block| block.iter().any(|&word| changed_by_cast(word)));
    let source = Source {
        table: file.label.clone(),
        bf16: origin.bf16.bits_14_15_16_zero,
        cast: origin.cast.bits_14_15_16_zero,
        noise: origin.noise_f16.bits_14_15_16_zero,
        noise_cast: origin.noise_cast.bits_14_15_16_zero,
        changed: origin.changed_by_cast,
        changed_blocks: changed.count() as f64 / count,
    };
    Ok((row, Some(source)))
}
