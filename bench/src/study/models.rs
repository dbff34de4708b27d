//! Whole 4-bit models with a 16-bit table: the paper's twelve by their shapes, and the files at hand.

use std::path::Path;

use anyhow::{Context, Result};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};
use xnc::{Codec, Dtype, Model};

use super::Study;
use super::ratios::Ratios;

/// The paper's average ratio of a table.
pub const PUBLISHED_RATIO: f64 = 1.34;
/// The paper's average saving on a 4-bit model.
pub const PUBLISHED_SAVING: f64 = 0.0991;
/// Bits a weight of what is not the table, in the main table of the page: GGUF's Q4_0.
pub const BODY_BITS: f64 = 4.5;
/// Others that the average is given for; the paper does not say what it took.
pub const BODIES: [f64; 4] = [4.0, 4.25, 4.5, 4.85];
/// Bits a weight of a table in Q8_0 and Q6_K.
pub const QUANTISED: [(&str, f64); 2] = [("Q8_0", 8.5), ("Q6_K", 6.5625)];

/// A model of the paper by its public configuration, `models.json`.
#[derive(Deserialize)]
pub struct Shape {
    /// Name.
    pub name: String,
    vocabulary: u64,
    dim: u64,
    tied: bool,
    parameters: u64,
}

/// The paper's twelve models.
pub fn shapes() -> Vec<Shape> {
    serde_json::from_str(include_str!("../../models.json")).expect("the file is part of this crate")
}

impl Shape {
    /// Weights in tables: one, or two when the output head is its own.
    pub fn table_weights(&self) -> u64 {
        self.vocabulary * self.dim * if self.tied { 1 } else { 2 }
    }

    /// Extent of a table, and how many there are.
    pub fn extent(&self) -> String {
        format!("{}{} x {}", if self.tied { "" } else { "2 x " }, self.vocabulary, self.dim)
    }

    /// Bytes of the model with tables of `table_bits` a weight.
    pub fn bytes(&self, body_bits: f64, table_bits: f64) -> f64 {
        let table = self.table_weights() as f64;
        ((self.parameters as f64 - table) * body_bits + table * table_bits) / 8.0
    }

    /// Share that tables of `table_bits` a weight save against 16 bits.
    pub fn saving(&self, body_bits: f64, table_bits: f64) -> f64 {
        1.0 - self.bytes(body_bits, table_bits) / self.bytes(body_bits, 16.0)
    }
}

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Models {
    /// Codec and the mean of its ratios on our language-model tables.
    pub ratios: Vec<(String, f64)>,
    /// The tables that they are means over.
    pub tables: Vec<String>,
    /// A row a real file and way to store its table.
    pub files: Vec<File>,
    /// What quantising a table to Q8_0 changes.
    pub rounding: Vec<Rounding>,
}

/// A real file.
#[derive(Serialize, Deserialize)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Codec, or the quantised type that its table would have.
    pub way: String,
    /// Whether every bit comes back.
    pub lossless: bool,
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

/// Q8_0 against the words it came from.
#[derive(Serialize, Deserialize)]
pub struct Rounding {
    /// Which table.
    pub table: String,
    /// Root mean square of the error against that of the values.
    pub relative_error: f64,
    /// Words that do not come back.
    pub changed: f64,
}

/// Compresses the files at hand; takes the tables' ratios from what was measured before.
pub fn measure(study: &Study, ratios: &Ratios) -> Result<Models> {
    let two: Vec<_> = study.tables.iter().take(2).map(|pair| pair.bf16.label.clone()).collect();
    let mean = |codec: &Codec| {
        // The paper's scheme where the paper has it: on FP16 words.
        let dtype = if *codec == Codec::Xnc { "F16" } else { "BF16" };
        let all = two.iter().map(|table| ratios.ratio(table, dtype, codec.name()));
        let all: Vec<f64> = all.collect::<Option<_>>()?;
        Some((codec.name().to_owned(), all.iter().sum::<f64>() / all.len() as f64))
    };
    let ratios = Codec::ALL.iter().map(|codec| mean(codec).context("a ratio is missing: measure them again"));
    let ratios = ratios.collect::<Result<_>>()?;
    let mut files = Vec::new();
    let sample = [study.main().path.clone()];
    for path in if study.files.is_empty() { &sample } else { &study.files[..] } {
        files.extend(file(study, path)?);
    }
    let rounding = study.tables.iter().map(|pair| q8_0(&pair.bf16.label, &pair.bf16.words()?));
    Ok(Models { ratios, tables: two, files, rounding: rounding.collect::<Result<_>>()? })
}

/// Files beyond this many bytes would take `dense` minutes each.
const DENSE_LIMIT: u64 = 200_000_000;

fn file(study: &Study, path: &Path) -> Result<Vec<File>> {
    let name = path.file_name().context("a file")?.to_string_lossy().into_owned();
    let model = Model::open(path)?;
    let before = path.metadata()?.len();
    let names = model.tables();
    let tables = names.iter().map(|name| model.table(name));
    let table = tables.collect::<xnc::Result<Vec<_>>>()?.into_iter().max_by_key(|t| t.rows() * t.dim());
    let table = table.context("the file has no table")?;
    let mut files = Vec::new();
    for codec in Codec::ALL {
        // Casts are coded as the words they come from: once is enough for the slow codec.
        if *codec == Codec::Dense && (before > DENSE_LIMIT || table.dtype() == Dtype::F16) {
            continue;
        }
        let report = study.compress(path, &["--codec", codec.name()])?;
        let after = report["output_bytes"].as_u64().unwrap_or(before);
        files.push(File { name: name.clone(), way: codec.name().into(), lossless: true, before, after });
    }
    let words = (table.rows() * table.dim()) as f64;
    for (way, bits) in QUANTISED {
        let after = before - (words * (16.0 - bits) / 8.0) as u64;
        files.push(File { name: name.clone(), way: way.into(), lossless: false, before, after });
    }
    Ok(files)
}

/// Rounds BF16 words to Q8_0 as llama.cpp's reference does: a FP16 scale for 32 values, the largest of them 127.
fn q8_0(table: &str, words: &[u16]) -> Result<Rounding> {
    let (mut error, mut power, mut changed) = (0.0, 0.0, 0_u64);
    for block in words.chunks(32) {
        let values: Vec<f32> = block.iter().map(|word| bf16::from_bits(*word).to_f32()).collect();
        let most = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = most / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { scale.recip() };
        let stored = f16::from_f32(scale).to_f32();
        for (x, word) in values.iter().zip(block) {
            let back = (x * inverse).round() * stored;
            error += f64::from(x - back).powi(2);
            power += f64::from(*x).powi(2);
            changed += u64::from(bf16::from_f32(back).to_bits() != *word);
        }
    }
    Ok(Rounding {
        table: table.into(),
        relative_error: (error / power).sqrt(),
        changed: changed as f64 / words.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_average_follows_from_its_ratio() {
        // 1.34 on the tables and a body of 4.25 bits give the published 9.91 % within half a point: the shapes
        // are right.
        let shapes = shapes();
        assert_eq!(shapes.len(), 12);
        let sum: f64 = shapes.iter().map(|shape| shape.saving(4.25, 16.0 / PUBLISHED_RATIO)).sum();
        assert!((sum / 12.0 - PUBLISHED_SAVING).abs() < 0.005, "{}", sum / 12.0);
    }

    #[test]
    fn q8_0_keeps_what_it_can_hold() {
        // Multiples of a power of two up to 127 of them survive; a value below half a step does not.
        let mut words: Vec<u16> = (0..32).map(|n| bf16::from_f32(n as f32 * 4.0).to_bits()).collect();
        words[31] = bf16::from_f32(127.0).to_bits();
        assert_eq!(q8_0("", &words).expect("finite").changed, 0.0);
        words[3] = bf16::from_f32(0.25).to_bits();
        assert_eq!(q8_0("", &words).expect("finite").changed, 1.0 / 32.0);
    }
}
