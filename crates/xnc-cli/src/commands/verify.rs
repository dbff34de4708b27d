use std::path::Path;

use anyhow::Result;
use xnc_page::number::bytes;

use super::restore::json;
use super::with_bars;
use crate::args;
use crate::exit::Failure;
use crate::say;
use crate::units::tensors;

pub fn run(args: &args::Verify) -> Result<()> {
    let (input, against) = (&args.input, args.against.as_deref());
    if let Some(against) = against {
        refuse_other_kind(input, against)?;
    }
    let report = with_bars(|progress| xnc::verify(input, against, args.threads, &progress))?;
    say::warn(&report.warnings);
    if args.json {
        let mut json = json(&report, None);
        json["against"] = against.map(Path::to_string_lossy).into();
        return say::print_json(&json);
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
