use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use xnc::{Progress, RestoreReport};
use xnc_page::number::bytes;

use super::restore::json;
use super::with_bars;
use crate::Hear;
use crate::args;
use crate::exit::Failure;
use crate::say;
use crate::units::tensors;

/// What the command tells with `--json`.
pub fn report(args: &args::Verify, hear: Hear<'_>) -> Result<Value> {
    Ok(told(args, &work(args, hear)?))
}

fn told(args: &args::Verify, report: &RestoreReport) -> Value {
    let mut json = json(report, None);
    json["against"] = args.against.as_deref().map(Path::to_string_lossy).into();
    json
}

fn work(args: &args::Verify, hear: Hear<'_>) -> Result<RestoreReport> {
    let (input, against) = (&args.input, args.against.as_deref());
    if let Some(against) = against {
        refuse_other_kind(input, against)?;
    }
    Ok(xnc::verify(input, against, args.threads, &Progress::from(&hear))?)
}

pub fn run(args: &args::Verify) -> Result<()> {
    let (input, against) = (&args.input, args.against.as_deref());
    let report = with_bars(|hear| work(args, hear))?;
    say::warn(&report.warnings);
    if args.json {
        return say::print_json(&told(args, &report));
    }
    let tensors = tensors(report.tensors);
    let restored = match &report.sha256 {
        Some(sha256) => format!("{} with SHA-256 {sha256}", bytes(report.bytes)),
        None => format!("{} files, {}, each with its SHA-256", report.files, bytes(report.bytes)),
    };
    let mut text = format!("{}: good; {tensors} compressed, restores to {restored}", say::path(input));
    if let Some(against) = against {
        text += &format!("\n{}: the same, compared byte for byte", say::path(against));
    }
    say::print(&text)
}

/// A file is compared with a file, and a folder with a folder.
fn refuse_other_kind(input: &Path, against: &Path) -> Result<()> {
    let (one, other) = match (input.is_dir(), against.is_dir()) {
        (true, false) if against.is_file() => ("folder", "file"),
        (false, true) if input.is_file() => ("file", "folder"),
        _ => return Ok(()),
    };
    let (input, against) = (input.display(), against.display());
    let why = format!("{against} is a {other}, and {input} a {one}: name the {one} that it was made of");
    Err(Failure::Usage(why).into())
}
