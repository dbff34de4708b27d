use anyhow::Result;

use super::{print, with_bars};
use crate::args;
use crate::units::bytes;

pub fn run(args: &args::Verify) -> Result<()> {
    let report = with_bars(|progress| xnc::verify(&args.input, args.threads, &progress))?;
    print(&format!(
        "{}: good; {} compressed, restores to {} with SHA-256 {}",
        args.input.display(),
        match report.tensors {
            1 => "1 tensor".to_owned(),
            n => format!("{n} tensors"),
        },
        bytes(report.bytes),
        report.sha256,
    ))
}
