//! `cargo xtask data` and `cargo xtask sample`: tables as safetensors.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use half::bf16;
use xnc::model::{Layout, safetensors};

use crate::models::{self, GEMMA3, MINILM, SMOLLM2, Source};
use crate::{dither, root, say};

/// Rows of the sample: the rows before are unused tokens.
const SAMPLE_ROWS: std::ops::Range<usize> = 1000..5096;

/// A table of `data/`: the model it is from and the stem of its files.
const TABLES: [(&Source, &str); 2] = [(&SMOLLM2, "SmolLM2-135M"), (&GEMMA3, "Gemma-3-270M")];

/// Makes whatever is missing.
pub fn tables() -> Result<()> {
    for (source, stem) in TABLES {
        let (bf16_file, f16_file) = (table_path(stem, "bf16")?, table_path(stem, "f16")?);
        if bf16_file.exists() && f16_file.exists() {
            say(&format!("{} is there", bf16_file.display()));
            continue;
        }
        let bytes = fs::read(models::fetch(source)?)?;
        let layout = Layout::parse(&bytes, bytes.len() as u64)?;
        let tensor = layout.tensor("token_embd.weight").context("the model has no token table")?;
        ensure!(tensor.dtype == "Q8_0", "the token table is {}, not Q8_0", tensor.dtype);
        let q8_0 = &bytes[tensor.range.start as usize..tensor.range.end as usize];
        let words = dither::bf16_words(q8_0, true);
        write_table(&f16_file, "model.embed_tokens.weight", "F16", &tensor.shape, &dither::to_f16(&words))?;
        write_table(&bf16_file, "model.embed_tokens.weight", "BF16", &tensor.shape, &words)?;
    }
    Ok(())
}

/// `data/STEM.TYPE.safetensors`.
fn table_path(stem: &str, dtype: &str) -> Result<PathBuf> {
    Ok(models::data_folder()?.join(format!("{stem}.{dtype}.safetensors")))
}

/// Cuts the sample out of the model it comes from, rounded to BF16.
pub fn sample() -> Result<()> {
    let bytes = fs::read(models::fetch(&MINILM)?)?;
    let layout = Layout::parse(&bytes, bytes.len() as u64)?;
    let name = "embeddings.word_embeddings.weight";
    let tensor = layout.tensor(name).context("the model has no token table")?;
    ensure!(tensor.dtype == "F32" && tensor.shape.len() == 2, "the token table is {}", tensor.dtype);
    let dim = tensor.shape[1] as usize;
    let start = tensor.range.start as usize;
    let rows = &bytes[start + SAMPLE_ROWS.start * dim * 4..start + SAMPLE_ROWS.end * dim * 4];
    let words: Vec<u16> = rows
        .as_chunks::<4>()
        .0
        .iter()
        .map(|four| bf16::from_f32(f32::from_le_bytes(*four)).to_bits())
        .collect();
    let path = root().join("samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
    write_table(&path, name, "BF16", &[SAMPLE_ROWS.len() as u64, dim as u64], &words)
}

/// Writes one table as a safetensors file, whole or not at all.
fn write_table(path: &Path, name: &str, dtype: &str, shape: &[u64], words: &[u16]) -> Result<()> {
    say(&format!("writing {}", path.strip_prefix(root()).unwrap_or(path).display()));
    let metadata = [("format".to_owned(), "pt".to_owned())];
    let mut bytes =
        safetensors::header(&metadata, [(name, dtype, shape, 2 * words.len() as u64)].into_iter(), 8);
    bytes.reserve(2 * words.len());
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    let folder = path.parent().context("a file lies in a folder")?;
    // Renamed when whole, so that an interrupted run leaves nothing that looks finished.
    let unfinished = folder.join(".unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)?;
    Ok(())
}
