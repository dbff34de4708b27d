//! One file a command.

pub mod analyze;
pub mod bench;
pub mod compress;
mod counted;
pub mod inspect;
pub mod manual;
pub mod restore;
pub mod rows;
pub mod transcode;
pub mod verify;

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
