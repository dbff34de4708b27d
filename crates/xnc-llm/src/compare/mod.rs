//! Runs a model from its plain and its compressed table and compares tokens, logits, speed and memory.
//!
//! Each run is a process of its own, which this program starts by running itself: memory is then one file's alone.

mod memory;
mod prompts;
mod report;
mod subject;

pub use report::{Report, Side, run, table};
pub use subject::Subject;
