use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use xnc::RestoreOptions;
use xnc_page::number::bytes;

use super::{print, with_bars};
use crate::args;

pub fn run(args: &args::Restore) -> Result<()> {
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&args.input)?,
    };
    let report = with_bars(|progress| {
        xnc::restore(
            &args.input,
            &output,
            &RestoreOptions { threads: args.threads, force: args.force, progress },
        )
    })?;
    print(&match report.sha256 {
        Some(sha256) => format!("{}: {}, SHA-256 {sha256}", output.display(), bytes(report.bytes)),
        None => format!(
            "{}: {} files, {}, each with its SHA-256",
            output.display(),
            report.files,
            bytes(report.bytes)
        ),
    })
}

/// The input's name without the `.xnc` that compressing put into it.
fn default_output(input: &Path) -> Result<PathBuf> {
    let input = if input.is_dir() { &input.canonicalize()? } else { input };
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    let Some(at) = name.rfind(".xnc.").or(name.strip_suffix(".xnc").map(str::len)) else {
        bail!("{}: has no `.xnc` in its name to leave out; name a target with -o", input.display());
    };
    Ok(input.with_file_name(format!("{}{}", &name[..at], &name[at + ".xnc".len()..])))
}
