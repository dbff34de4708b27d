//! Hardware line compressors over every table, in both types.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Study;
use crate::lines;

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Lines {
    /// A survey a table and type.
    pub surveys: Vec<Survey>,
}

/// Every scheme over one table.
#[derive(Serialize, Deserialize)]
pub struct Survey {
    /// Which.
    pub table: String,
    /// Type.
    pub dtype: String,
    /// In the order of [`lines::survey`].
    pub schemes: Vec<Scheme>,
}

/// One scheme over one table.
#[derive(Serialize, Deserialize)]
pub struct Scheme {
    /// Short name.
    pub name: String,
    /// Where it is described.
    pub paper: String,
    /// What is counted beside coded data.
    pub counted: String,
    /// 512 bits a line against all bits of the scheme, trained table included.
    pub ratio: f64,
    /// Share of lines that take fewer than 512 bits; none for a bound.
    pub smaller: Option<f64>,
    /// Bits of the trained table.
    pub table_bits: u64,
}

/// Counts all schemes on all tables.
pub fn measure(study: &Study) -> Result<Lines> {
    let mut surveys = Vec::new();
    for pair in &study.tables {
        for table in [&pair.f16, &pair.bf16] {
            ensure!(table.rows * table.dim >= lines::LINE_WORDS, "a table is shorter than a line");
            let outcomes = lines::survey(&table.words()?);
            let schemes = outcomes.into_iter().map(|one| Scheme {
                name: one.about.name.into(),
                paper: one.about.paper.into(),
                counted: one.about.counted.into(),
                ratio: one.ratio,
                smaller: one.smaller,
                table_bits: one.table_bits,
            });
            let (table, dtype) = (table.label.clone(), table.dtype.to_string());
            surveys.push(Survey { table, dtype, schemes: schemes.collect() });
        }
    }
    Ok(Lines { surveys })
}
