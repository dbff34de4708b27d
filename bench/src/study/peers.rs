//! Software peers: every setting on the main table, the quick ones on the largest too.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Study;
use crate::peers::{Host, Measured, Pace, SETTINGS, Setting, dfloat11_bits, measure as measure_setting};

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Peers {
    /// The table that everything was measured on.
    pub table: String,
    /// Its type and extent.
    pub shape: String,
    /// A row a setting.
    pub rows: Vec<Measured>,
    /// Tables whose size in DFloat11's layout was computed, with the ratio.
    pub dfloat11: Vec<(String, f64)>,
}

/// Rows that the slowest settings are given.
const PART: usize = 4096;

/// The sample only tests that the code runs.
fn left_out(study: &Study, setting: &Setting) -> bool {
    let installed = setting.host == Host::Rust || study.place.python.is_some();
    study.sample && (setting.pace != Pace::Quick || !installed)
}

/// Measures all settings on the main table.
pub fn measure(study: &Study) -> Result<Peers> {
    let main = study.main();
    let mut rows = Vec::new();
    for setting in SETTINGS.iter().filter(|setting| !left_out(study, setting)) {
        eprintln!("study: {} {}", setting.peer, setting.key);
        if setting.pace != Pace::Glacial {
            rows.push(measure_setting(&study.place, setting, main));
            continue;
        }
        let mut row = measure_setting(&study.place, setting, &main.first(study.scratch(), PART)?);
        if let Some(numbers) = &mut row.numbers {
            numbers.means += &format!(", on the first {PART} rows only");
        }
        rows.push(row);
    }
    let dfloat11 = study.tables.iter().map(|pair| {
        let table = &pair.bf16;
        let bits = dfloat11_bits(&table.words()?);
        Ok((table.label.clone(), 8.0 * table.bytes() as f64 / bits as f64))
    });
    let dfloat11 = dfloat11.collect::<Result<_>>()?;
    Ok(Peers { table: main.label.clone(), shape: main.shape(), rows, dfloat11 })
}

/// Measures the quick settings on the largest table, where that is another one.
pub fn measure_large(study: &Study) -> Result<Peers> {
    let tables = study.tables.iter().map(|pair| &pair.bf16);
    let large = tables.max_by_key(|table| table.bytes()).unwrap_or(study.main());
    let another = large.bytes() > study.main().bytes();
    let quick = SETTINGS.iter().filter(|setting| setting.pace == Pace::Quick && another);
    let rows = quick.map(|setting| {
        eprintln!("study: {} {} on {}", setting.peer, setting.key, large.label);
        measure_setting(&study.place, setting, large)
    });
    Ok(Peers { table: large.label.clone(), shape: large.shape(), rows: rows.collect(), dfloat11: Vec::new() })
}
