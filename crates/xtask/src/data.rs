//! `cargo xtask data` and `cargo xtask sample`: 16-bit tables, alone and in whole models.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use half::bf16;
use xnc::model::{Header, Layout, gguf, safetensors};

use crate::models::{self, GEMMA3, MINILM, SMOLLM2, Source};
use crate::{dither, root, say};

/// Rows of the sample: the rows before are unused tokens.
const SAMPLE_ROWS: std::ops::Range<usize> = 1000..5096;

/// A table of `data/`: the model it is from and the stem of its files.
const TABLES: [(&Source, &str); 2] = [(&SMOLLM2, "SmolLM2-135M"), (&GEMMA3, "Gemma-3-270M")];

/// Makes whatever is missing: for each model the dithered table as BF16 and FP16 safetensors, for ratios, and the whole model as
/// GGUF with a 16-bit table of exactly `q * d`, for running.
pub fn tables() -> Result<()> {
    for (source, stem) in TABLES {
        let paths = KINDS.iter().map(|kind| data_path(stem, kind)).collect::<Result<Vec<_>>>()?;
        if paths.iter().all(|path| path.exists()) {
            say(&format!("data/{stem}.* is there"));
            continue;
        }
        let bytes = fs::read(models::fetch(source)?)?;
        let layout = Layout::parse(&bytes, bytes.len() as u64)?;
        let tensor = layout.tensor(TOKEN_TABLE).context("the model has no token table")?;
        ensure!(tensor.dtype == "Q8_0", "the token table is {}, not Q8_0", tensor.dtype);
        let q8_0 = &bytes[tensor.range.start as usize..tensor.range.end as usize];
        for (dithered, ending) in [(true, "safetensors"), (false, "gguf")] {
            let words = dither::bf16_words(q8_0, dithered);
            for (dtype, words) in [("F16", &dither::to_f16(&words)), ("BF16", &words)] {
                let path = data_path(stem, &format!("{}.{ending}", dtype.to_lowercase()))?;
                if dithered {
                    write_table(&path, "model.embed_tokens.weight", dtype, &tensor.shape, words)?;
                } else {
                    write_model(&path, &bytes, &layout, dtype, words)?;
                }
            }
        }
    }
    Ok(())
}

/// Endings of the files made of each model.
const KINDS: [&str; 4] = ["bf16.safetensors", "f16.safetensors", "bf16.gguf", "f16.gguf"];
/// The token table in GGUF.
const TOKEN_TABLE: &str = "token_embd.weight";

/// `data/STEM.KIND`.
fn data_path(stem: &str, kind: &str) -> Result<PathBuf> {
    Ok(models::data_folder()?.join(format!("{stem}.{kind}")))
}

/// Writes a GGUF model with its token table replaced; everything else stays as it is.
fn write_model(path: &Path, bytes: &[u8], layout: &Layout, dtype: &str, words: &[u16]) -> Result<()> {
    let Header::Gguf(header) = layout.header() else { bail!("the model is no GGUF file") };
    let table: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let tensors: Vec<_> = layout
        .tensors()
        .iter()
        .map(|t| match t.name == TOKEN_TABLE {
            true => (t.name.as_str(), dtype, &t.shape[..], &table[..]),
            false => (
                t.name.as_str(),
                t.dtype.as_str(),
                &t.shape[..],
                &bytes[t.range.start as usize..t.range.end as usize],
            ),
        })
        .collect();
    let infos = tensors.iter().map(|(name, dtype, shape, data)| (*name, *dtype, *shape, data.len() as u64));
    let mut out = gguf::header(bytes, header, &[], infos, header.alignment);
    for (.., data) in tensors {
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(header.alignment as usize), 0);
    }
    write_whole(path, &out)
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
    let metadata = [("format".to_owned(), "pt".to_owned())];
    let mut bytes =
        safetensors::header(&metadata, [(name, dtype, shape, 2 * words.len() as u64)].into_iter(), 8);
    bytes.reserve(2 * words.len());
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    write_whole(path, &bytes)
}

/// Renamed when whole, so that an interrupted run leaves nothing that looks finished.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    say(&format!("writing {}", path.strip_prefix(root()).unwrap_or(path).display()));
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)?;
    Ok(())
}
