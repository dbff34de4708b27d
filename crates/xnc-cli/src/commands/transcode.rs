use std::time::Instant;

use anyhow::Result;
use xnc::{Effort, TranscodeOptions};
use xnc_page::number::{bytes, percent};

use super::compress::{json, tensors};
use super::{print, print_json, with_bars};
use crate::args;

pub fn run(args: &args::Transcode) -> Result<()> {
    let start = Instant::now();
    let (input, output) = (&args.input, &args.output);
    let report = with_bars(|progress| {
        let options = TranscodeOptions {
            codec: args.codec.into(),
            effort: Effort::new(args.writing.effort),
            threads: args.writing.threads,
            force: args.writing.force,
            progress,
        };
        xnc::transcode(input, output, &options)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let nothing = report.nothing.as_deref().unwrap_or("no table");
    if args.writing.json {
        if report.output_bytes.is_none() {
            eprintln!("nothing to transcode: {nothing}");
        }
        return print_json(&json(&report, output, seconds));
    }
    let last = match report.output_bytes {
        Some(size) => format!(
            "{}: {}, {} less than the source, in {seconds:.2} s\nrestored in memory and compared: every byte of the source of {} comes back",
            output.display(),
            bytes(size),
            percent(1.0 - size as f64 / report.source_bytes as f64),
            input.display(),
        ),
        None => format!("{}: nothing to transcode: {nothing}; nothing was written", input.display()),
    };
    print(&(tensors(&report) + &last))
}
