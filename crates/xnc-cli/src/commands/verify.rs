use anyhow::Result;
use xnc_page::number::bytes;

use super::{print, with_bars};
use crate::args;
use crate::units::tensors;

pub fn run(args: &args::Verify) -> Result<()> {
    let report = with_bars(|progress| xnc::verify(&args.input, args.threads, &progress))?;
    let tensors = tensors(report.tensors);
    let restored = match report.sha256 {
        Some(sha256) => format!("{} with SHA-256 {sha256}", bytes(report.bytes)),
        None => format!("{} files, {}, each with its SHA-256", report.files, bytes(report.bytes)),
    };
    print(&format!("{}: good; {tensors} compressed, restores to {restored}", args.input.display()))
}
