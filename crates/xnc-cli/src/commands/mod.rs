//! One file a command.

pub mod analyze;
pub mod bench;
pub mod compress;
mod counted;
pub mod inspect;
pub mod manual;
pub mod restore;
pub mod rows;
pub mod run;
pub mod transcode;
pub mod verify;

use xnc::Error;

use crate::Hear;
use crate::bars::Bars;

/// Runs `work` with progress bars that are gone when it ends.
fn with_bars<T>(work: impl FnOnce(Hear<'_>) -> T) -> T {
    let bars = Bars::new();
    let result = work(&|stage, done, total| bars.hear(stage, done, total));
    bars.clear();
    result
}

/// There is no table of that name: names the nearest of those that there are, in all files that were looked
/// into.
fn not_found(name: &str, tables: Vec<String>) -> Error {
    Error::TensorNotFound { name: name.into(), available: tables }
}
