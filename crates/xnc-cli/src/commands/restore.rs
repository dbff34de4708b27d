use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use xnc::{Error, Model, Progress, RestoreOptions, RestoreReport, model_files};
use xnc_page::number::bytes;

use super::with_bars;
use crate::Hear;
use crate::args;
use crate::exit::Failure;
use crate::say;

/// What the command tells with `--json`.
pub fn report(args: &args::Restore, hear: Hear<'_>) -> Result<Value> {
    let (report, output) = work(args, hear)?;
    Ok(json(&report, Some(&output)))
}

fn work(args: &args::Restore, hear: Hear<'_>) -> Result<(RestoreReport, PathBuf)> {
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&args.input)?,
    };
    let mut options = RestoreOptions::default();
    options.threads = args.threads;
    options.force = args.force;
    options.progress = Progress::from(&hear);
    Ok((xnc::restore(&args.input, &output, &options)?, output))
}

pub fn run(args: &args::Restore) -> Result<()> {
    let (report, output) = with_bars(|hear| work(args, hear))?;
    say::warn(&report.warnings);
    if args.json {
        return say::print_json(&json(&report, Some(&output)));
    }
    let (output, size) = (say::path(&output), bytes(report.bytes));
    say::print(&match report.sha256 {
        Some(sha256) => format!("{output}: {size}, SHA-256 {sha256}"),
        // What was edited, or is gone, is told above.
        None if report.warnings.is_empty() => {
            format!("{output}: {} files, {size}, each with its SHA-256", report.files)
        }
        None => format!("{output}: {} files, {size}; the tables with their SHA-256", report.files),
    })
}

/// What `restore` and `verify` tell.
pub fn json(report: &RestoreReport, output: Option<&Path>) -> Value {
    json!({
        "output": output.map(|output| output.to_string_lossy()),
        "bytes": report.bytes,
        "sha256": report.sha256,
        "tensors": report.tensors,
        "files": report.files,
        "warnings": report.warnings,
    })
}

/// The input's name without the `.xnc` that compressing put into it.
fn default_output(input: &Path) -> Result<PathBuf> {
    let named = |cause| Error::Io { path: input.to_owned(), cause };
    let full = if input.is_dir() { &input.canonicalize().map_err(named)? } else { input };
    let name = full.file_name().unwrap_or_default().to_string_lossy();
    if let Some(at) = name.rfind(".xnc.").or(name.strip_suffix(".xnc").map(str::len)) {
        return Ok(full.with_file_name(format!("{}{}", &name[..at], &name[at + ".xnc".len()..])));
    }
    // Who names a plain file has another trouble than its name.
    for file in model_files(input)? {
        if Model::open(file)?.is_compressed() {
            let why =
                format!("{}: has no `.xnc` in its name to leave out; name a target with -o", input.display());
            return Err(Failure::Usage(why).into());
        }
    }
    Err(Error::NotCompressed { reason: "it holds no compressed tensor".into() }.into())
}
