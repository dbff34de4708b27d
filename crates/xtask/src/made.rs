//! `cargo xtask made`: a table of any size whose words are distributed as a real one's are.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use xnc::Model;

use crate::data::{TABLE, smollm2};

/// Bytes that come from one row: a cache line, so that neighbours belong together as in the real table.
const PIECE: usize = 64;

/// Writes `rows` rows of `dim` BF16 words: each piece of a row is that of a random row of SmolLM2's table, from the
/// same columns, which repeat where a row is wider. The same extents always give the same bytes.
pub fn table(rows: usize, dim: usize, path: &Path) -> Result<()> {
    ensure!(rows > 0 && dim > 0, "a table has rows and columns");
    let model = Model::open(smollm2()?)?;
    let real = model.table(TABLE)?;
    let (words, real_row) = (model.bytes(TABLE).context("the table is there")?, 2 * real.dim());
    let mut random = fastrand::Rng::with_seed((rows * 1_000_003 + dim) as u64);
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(4 << 20, file);
    let tensor = json!({"dtype": "BF16", "shape": [rows, dim], "data_offsets": [0, rows * dim * 2]});
    let mut header = json!({ TABLE: tensor }).to_string();
    header += &" ".repeat(header.len().next_multiple_of(8) - header.len());
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let mut row = vec![0; 2 * dim];
    for _ in 0..rows {
        for (number, piece) in row.chunks_mut(PIECE).enumerate() {
            let column = number * PIECE % real_row;
            let from = random.usize(..real.rows()) * real_row + column;
            piece.copy_from_slice(&words[from..][..piece.len()]);
        }
        out.write_all(&row)?;
    }
    out.flush()?;
    Ok(())
}
