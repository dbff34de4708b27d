use anyhow::Result;
use xnc_page::number::bytes;

use super::restore::json;
use super::with_bars;
use crate::args;
use crate::say;
use crate::units::tensors;

pub fn run(args: &args::Verify) -> Result<()> {
    let report = with_bars(|progress| xnc::verify(&args.input, args.threads, &progress))?;
    say::warn(&report.warnings);
    if args.json {
        return say::print_json(&json(&report, None));
    }
    let tensors = tensors(report.tensors);
    let restored = match &report.sha256 {
        Some(sha256) => format!("{} with SHA-256 {sha256}", bytes(report.bytes)),
        None => format!("{} files, {}, each with its SHA-256", report.files, bytes(report.bytes)),
    };
    say::print(&format!("{}: good; {tensors} compressed, restores to {restored}", say::path(&args.input)))
}
