//! Progress on a terminal; nothing when piped.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use xnc::Stage;

/// One bar at a time, a stage each.
pub struct Bars(Mutex<Option<(Stage, ProgressBar)>>);

impl Bars {
    pub fn new() -> Self {
        Bars(Mutex::new(None))
    }

    /// Hears of a step.
    pub fn hear(&self, stage: Stage, done: u64, total: u64) {
        let mut current = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if current.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            if let Some((_, bar)) = current.take() {
                bar.finish_and_clear();
            }
            *current = Some((stage, bar(stage, total)));
        }
        if let Some((_, bar)) = current.as_ref() {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    /// Clears the line.
    pub fn clear(&self) {
        if let Some((_, bar)) = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar on standard error, which `indicatif` hides by itself when that is no terminal.
fn bar(stage: Stage, total: u64) -> ProgressBar {
    let name = match stage {
        Stage::Encode => "encoding",
        Stage::Digest => "hashing",
        Stage::Write => "writing",
        Stage::Restore => "restoring",
        Stage::Copy => "copying",
        Stage::Analyze => "counting",
    };
    let template =
        "{msg:>9} {bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is fixed");
    ProgressBar::new(total).with_style(style).with_message(name)
}
