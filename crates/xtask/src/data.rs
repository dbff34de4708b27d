//! `cargo xtask data` and `cargo xtask sample`: 16-bit tables, alone and in whole models.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use half::bf16;
use safetensors::tensor::{Dtype, TensorView};
use xnc::internals::{parse_header, write_like};

use crate::models::{self, GEMMA3, MINILM, SMOLLM2, Source};
use crate::{dither, root, say};

/// Rows of the sample: the rows before are unused tokens.
const SAMPLE_ROWS: std::ops::Range<usize> = 1000..5096;

/// A table of `data/`: the model it is from and the stem of its files.
const TABLES: [(&Source, &str); 2] = [(&SMOLLM2, "SmolLM2-135M"), (&GEMMA3, "Gemma-3-270M")];

/// Makes whatever is missing: for each model the dithered table as BF16 and FP16 safetensors, for ratios, and
/// the whole model as GGUF with a 16-bit table of exactly `q * d`, for running.
pub fn tables() -> Result<()> {
    for (source, stem) in TABLES {
        let paths = KINDS.iter().map(|kind| data_path(stem, kind)).collect::<Result<Vec<_>>>()?;
        if paths.iter().all(|path| path.exists()) {
            say(&format!("data/{stem}.* is there"));
            continue;
        }
        let bytes = fs::read(models::fetch(source)?)?;
        let tensors = parse_header(&bytes, bytes.len() as u64)?;
        let table = tensors.iter().find(|tensor| tensor.0 == TOKEN_TABLE);
        let (_, found, shape, range) = table.context("the model has no token table")?;
        ensure!(found == "Q8_0" && shape.len() == 2, "the token table is {found}, not Q8_0");
        let (rows, dim) = (shape[0] as usize, shape[1] as usize);
        let q8_0 = &bytes[range.start as usize..range.end as usize];
        for (dithered, ending) in [(true, "safetensors"), (false, "gguf")] {
            let words = dither::bf16_words(q8_0, dithered);
            for (dtype, words) in [(Dtype::F16, &dither::to_f16(&words)), (Dtype::BF16, &words)] {
                let path = data_path(stem, &format!("{dtype}.{ending}").to_lowercase())?;
                if dithered {
                    write_table(&path, TABLE, dtype, [rows, dim], words)?;
                } else {
                    write_whole(&path, &model_file(&bytes, &tensors, dtype, words)?)?;
                }
            }
        }
    }
    Ok(())
}

/// The file of SmolLM2's table, made if it is missing.
pub fn smollm2() -> Result<PathBuf> {
    tables()?;
    data_path(TABLES[0].1, "bf16.safetensors")
}

/// Endings of the files made of each model.
const KINDS: [&str; 4] = ["bf16.safetensors", "f16.safetensors", "bf16.gguf", "f16.gguf"];
/// The table of files that hold nothing else.
pub const TABLE: &str = "model.embed_tokens.weight";
/// The token table in GGUF.
const TOKEN_TABLE: &str = "token_embd.weight";

/// `data/STEM.KIND`.
fn data_path(stem: &str, kind: &str) -> Result<PathBuf> {
    Ok(models::data_folder()?.join(format!("{stem}.{kind}")))
}

/// A tensor of a header: name, type, extents, place in the file.
type Stand = (String, String, Vec<u64>, std::ops::Range<u64>);

/// A GGUF model with its token table replaced; keys and the other tensors stay as they are.
fn model_file(bytes: &[u8], tensors: &[Stand], dtype: Dtype, words: &[u16]) -> Result<Vec<u8>> {
    let (dtype, table) = (dtype.to_string(), little_endian(words));
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, own, shape, range)| match name == TOKEN_TABLE {
            true => (&name[..], &dtype[..], &shape[..], &table[..]),
            false => (&name[..], &own[..], &shape[..], &bytes[range.start as usize..range.end as usize]),
        })
        .collect();
    Ok(write_like(bytes, &tensors)?)
}

fn little_endian(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Cuts the sample out of the model it comes from, rounded to BF16.
pub fn sample() -> Result<()> {
    let bytes = fs::read(models::fetch(&MINILM)?)?;
    let model = safetensors::SafeTensors::deserialize(&bytes)?;
    let name = "embeddings.word_embeddings.weight";
    let tensor = model.tensor(name).context("the model has no token table")?;
    let dtype = tensor.dtype();
    ensure!(dtype == Dtype::F32 && tensor.shape().len() == 2, "the token table is {dtype}");
    let dim = tensor.shape()[1];
    let rows = &tensor.data()[SAMPLE_ROWS.start * dim * 4..SAMPLE_ROWS.end * dim * 4];
    let words: Vec<u16> = rows
        .as_chunks::<4>()
        .0
        .iter()
        .map(|four| bf16::from_f32(f32::from_le_bytes(*four)).to_bits())
        .collect();
    let path = root().join("samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
    write_table(&path, name, Dtype::BF16, [SAMPLE_ROWS.len(), dim], &words)
}

/// Writes one table as a safetensors file, whole or not at all.
fn write_table(path: &Path, name: &str, dtype: Dtype, shape: [usize; 2], words: &[u16]) -> Result<()> {
    write_whole(path, &table_file(name, dtype, shape, &little_endian(words))?)
}

/// A safetensors file of one table.
fn table_file(name: &str, dtype: Dtype, shape: [usize; 2], words: &[u8]) -> Result<Vec<u8>> {
    let table = TensorView::new(dtype, shape.to_vec(), words)?;
    Ok(safetensors::serialize([(name, table)], Some([("format".into(), "pt".into())].into()))?)
}

/// Renamed when whole, so that an interrupted run leaves nothing that looks finished.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    say(&format!("writing {}", path.strip_prefix(root()).unwrap_or(path).display()));
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    const SAMPLE: &[u8] = include_bytes!("../../../samples/all-MiniLM-L6-v2.rows-1000-5095.bf16.safetensors");
    const GGUF: &[u8] = include_bytes!("../../../spec/vectors/1.0-xnc.gguf");

    #[test]
    fn the_sample_is_written_as_it_was_committed() {
        let file = SafeTensors::deserialize(SAMPLE).expect("a good file");
        let [(name, table)] = &file.tensors()[..] else { panic!("one table") };
        let &[rows, dim] = table.shape() else { panic!("two axes") };
        let again = table_file(name, table.dtype(), [rows, dim], table.data()).expect("one table");
        assert!(again == SAMPLE);
    }

    /// Every tensor but the table is what it was; the table is where its header says, on the alignment that
    /// readers ask for.
    #[test]
    fn a_model_gets_another_table() {
        let bytes = |file: &[u8], stand: &Stand| file[stand.3.start as usize..stand.3.end as usize].to_vec();
        let mut tensors = parse_header(GGUF, GGUF.len() as u64).expect("a good file");
        let dim = tensors[0].2[0];
        tensors[0] = (TOKEN_TABLE.into(), "Q8_0".into(), vec![3, dim], tensors[0].3.clone());
        let words: Vec<u16> = (0..3 * dim as u16).collect();
        let made = model_file(GGUF, &tensors, Dtype::BF16, &words).expect("a good file");
        let found = parse_header(&made, made.len() as u64).expect("a good file");
        assert_eq!(found.len(), tensors.len());
        for (old, new) in tensors.iter().zip(&found) {
            assert_eq!((&old.0, &old.2, new.3.start % 32), (&new.0, &new.2, 0));
            if new.0 == TOKEN_TABLE {
                assert_eq!((&new.1[..], bytes(&made, new)), ("BF16", little_endian(&words)));
            } else {
                assert_eq!((&new.1, bytes(&made, new)), (&old.1, bytes(GGUF, old)));
            }
        }
    }
}
