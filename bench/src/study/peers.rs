//! Software peers: every setting on the main table, the quick ones on the largest too.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use xnc::Dtype;

use super::Study;
use crate::peers::{Host, Measured, Pace, SETTINGS, Setting, dfloat11_bits, measure as measure_setting};

/// What was found.
#[derive(Serialize, Deserialize)]
pub struct Peers {
    /// The table that everything was measured on.
    pub table: String,
    /// Its type and extent.
    pub shape: String,
    /// The larger table of quick settings.
    pub large: Option<String>,
    /// A row a setting and table.
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

/// Measures all settings, one after another, so that a slow minute of the machine does not meet all settings of one peer.
pub fn measure(study: &Study) -> Result<Peers> {
    let main = study.main();
    let large = study.tables.iter().map(|pair| &pair.bf16).max_by_key(|table| table.bytes());
    let large = large.filter(|large| large.bytes() > main.bytes());
    let mut rows = Vec::new();
    for setting in SETTINGS {
        if left_out(study, setting) {
            continue;
        }
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
    for setting in SETTINGS.iter().filter(|setting| setting.pace == Pace::Quick) {
        if let Some(large) = large {
            eprintln!("study: {} {} on the larger table", setting.peer, setting.key);
            rows.push(measure_setting(&study.place, setting, large));
        }
    }
    let bf16 = study.tables.iter().map(|pair| &pair.bf16).filter(|table| table.dtype == Dtype::Bf16);
    let dfloat11 = bf16.filter_map(|table| {
        let ratio = 8.0 * table.bytes() as f64 / dfloat11_bits(&table.words().ok()?) as f64;
        Some((table.label.clone(), ratio))
    });
    Ok(Peers {
        table: main.label.clone(),
        shape: main.shape(),
        large: large.map(|table| table.label.clone()),
        dfloat11: dfloat11.collect(),
        rows,
    })
}
