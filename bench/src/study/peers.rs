//! Software peers: every setting on the main table, the quick ones on the largest too.

use serde::{Deserialize, Serialize};
use xnc::Dtype;

use super::Study;
use crate::peers::{Host, Measured, SETTINGS, dfloat11_bits, measure as measure_setting};

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

/// Settings that the sample leaves out, which only tests that the code runs.
fn in_sample(host: Host, quick: bool, python: bool) -> bool {
    quick && (host == Host::Rust || python)
}

/// Measures all settings, one after another, so that a slow minute of the machine does not meet all settings of one peer.
pub fn measure(study: &Study) -> Peers {
    let main = study.main();
    let large = study.tables.iter().map(|pair| &pair.bf16).max_by_key(|table| table.bytes());
    let large = large.filter(|large| large.bytes() > main.bytes());
    let mut rows = Vec::new();
    for setting in SETTINGS {
        if study.sample && !in_sample(setting.host, setting.quick, study.place.python.is_some()) {
            continue;
        }
        eprintln!("study: {} {}", setting.peer, setting.key);
        rows.push(measure_setting(&study.place, setting, main));
    }
    for setting in SETTINGS.iter().filter(|setting| setting.quick) {
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
    Peers {
        table: main.label.clone(),
        shape: main.shape(),
        large: large.map(|table| table.label.clone()),
        dfloat11: dfloat11.collect(),
        rows,
    }
}
