//! One file a command.

pub mod analyze;
pub mod bench;
pub mod compress;
pub mod inspect;
pub mod manual;
pub mod restore;
pub mod rows;
pub mod transcode;
pub mod verify;

use std::io::{self, Write};

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::Value;
use xnc::Progress;

use crate::bars::Bars;

/// Runs `work` with progress bars that are gone when it ends.
fn with_bars<T>(work: impl FnOnce(Progress<'_>) -> T) -> T {
    let bars = Bars::new();
    let hear = |stage, done, total| bars.hear(stage, done, total);
    let result = work(Progress::new(&hear));
    bars.clear();
    result
}

/// Prints to standard output; a closed pipe becomes an error instead of a panic.
fn print(text: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}

/// Prints one JSON object.
fn print_json(value: &Value) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A borderless table; all columns but the first `left` are numbers.
fn table(header: &[&str], left: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.to_vec()).add_rows(rows);
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
