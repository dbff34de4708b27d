use std::time::Instant;

use anyhow::Result;
use serde_json::Value;
use xnc::{CompressReport, Progress};
use xnc_page::number::bytes;

use super::compress::{json, tensors};
use super::with_bars;
use crate::Hear;
use crate::args;
use crate::say;
use crate::units::change;

/// What the command tells with `--json`.
pub fn report(args: &args::Transcode, hear: Hear<'_>) -> Result<Value> {
    let start = Instant::now();
    let report = work(args, hear)?;
    Ok(json(&report, &args.output, start.elapsed().as_secs_f64()))
}

fn work(args: &args::Transcode, hear: Hear<'_>) -> Result<CompressReport> {
    let mut options = args.writing.options(args.codec)?;
    options.progress = Progress::from(&hear);
    Ok(xnc::transcode(&args.input, &args.output, &options)?)
}

pub fn run(args: &args::Transcode) -> Result<()> {
    let start = Instant::now();
    let (input, output) = (&args.input, &args.output);
    let report = with_bars(|hear| work(args, hear))?;
    let seconds = start.elapsed().as_secs_f64();
    say::warn(&report.warnings);
    let nothing = report.nothing.as_deref().unwrap_or("no table");
    if args.writing.json {
        if report.output_bytes.is_none() {
            say::tell(&format!("nothing to transcode: {nothing}"));
        }
        return say::print_json(&json(&report, output, seconds));
    }
    let last = match report.output_bytes {
        Some(size) => format!(
            "{}: {}, {} against the source, in {seconds:.2} s\n\
             restored in memory and compared: every byte of the {} of {} comes back",
            say::path(output),
            bytes(size),
            change(report.source_bytes, size),
            // Other files may have been edited, which is told above.
            if report.warnings.is_empty() { "source" } else { "tables" },
            say::path(input),
        ),
        None => format!(
            "{}: nothing to transcode: {}; nothing was written",
            say::path(input),
            say::escaped(nothing)
        ),
    };
    say::print(&(tensors(&report) + &last))
}
